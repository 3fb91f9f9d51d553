"""Overview: cache, bucket, runs and team on one screen."""
