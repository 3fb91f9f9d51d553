"""Search: which assets somebody means, by name, by description, by likeness."""
