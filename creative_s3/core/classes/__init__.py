"""Storage classes of objects that are in the bucket: choose, price, change."""
