"""Threads, calls ahead, and what the system lets this process have at once."""
