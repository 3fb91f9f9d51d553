"""The pipeline's library: `CacheManager`, `S3CacheManager`, and what they share."""
