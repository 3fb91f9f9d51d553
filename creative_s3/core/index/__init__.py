"""index.json: reading it whatever its age or shape, and writing it without losing a byte of others'."""
