"""HTTP below S3: addresses, certificates, Retry-After, how slowly an answer may come."""
