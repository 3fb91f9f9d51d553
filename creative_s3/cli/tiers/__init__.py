"""The `tiers` group."""
