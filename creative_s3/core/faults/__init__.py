"""What S3, botocore, the Common Runtime and the file system report, as our own errors."""
