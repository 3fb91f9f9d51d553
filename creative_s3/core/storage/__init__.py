"""`S3StorageManager`: a bucket's objects for a caller of the library, one file or many."""
