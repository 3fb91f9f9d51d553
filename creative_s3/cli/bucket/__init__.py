"""The `bucket` group."""
