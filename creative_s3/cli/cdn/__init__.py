"""The `cdn` group."""
