"""Other S3 servers: how each is installed and started, and what of the program works on it."""
