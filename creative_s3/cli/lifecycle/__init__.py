"""The `lifecycle` group."""
