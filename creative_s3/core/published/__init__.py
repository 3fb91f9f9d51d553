"""The team's index in the bucket: merged, published, looked back at, retired from."""
