"""The `catalog` group."""
