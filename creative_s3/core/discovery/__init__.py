"""Discovery: what is in the bucket and not known here."""
