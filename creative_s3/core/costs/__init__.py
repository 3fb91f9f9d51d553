"""Costs: the price book, and the arithmetic of the bill."""
