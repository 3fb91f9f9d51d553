"""Env files such as ``.env``: what they hold, read as python-dotenv, compose and shells agree on it.

Writing one is `core.env_file`'s.
"""
