"""Migration: survey, keys, plan, execution, publication and validation."""
