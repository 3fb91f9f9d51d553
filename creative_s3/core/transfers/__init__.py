"""Transfers: bytes to the bucket and back, many at once, each proved."""
