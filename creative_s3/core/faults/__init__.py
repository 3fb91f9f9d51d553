"""Turns errors of S3, botocore, the Common Runtime and the file system into our own."""
