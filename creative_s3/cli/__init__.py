"""The command line: parses, calls the core, renders what it returns."""
