"""A random life of two workspaces and one bucket, looked at from outside: by plain files and plain boto3."""
