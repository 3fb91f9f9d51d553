"""The `migrate` group."""
