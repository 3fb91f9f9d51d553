"""S3 itself: the connection, what servers are like, errors, objects, listings."""
