"""The catalog: what is known of each asset and its remote copy, in SQLite, and how it is kept up to date."""
