"""How commands and their options are declared: each option once."""
