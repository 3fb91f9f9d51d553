"""The `local` group."""
