"""Lifecycle rules: what they say, what they will do, and how a bucket's are changed."""
