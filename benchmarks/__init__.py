"""Measurements of the whole, run by hand or by ``nox -s bench``; none of them is a test."""
