"""Assets: the values everything speaks in, and the layout of their keys."""
