"""The tiers: what stays on local disk, what goes after proof, what comes back."""
