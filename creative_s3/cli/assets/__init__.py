"""The `assets` group."""
