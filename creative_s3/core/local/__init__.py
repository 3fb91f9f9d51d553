"""The embedded S3 server: its process, its ports, its directory."""
