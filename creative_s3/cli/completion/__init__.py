"""Shell completion: what a word may become, and the shells that ask.

`values` has what an option or argument names as its ``autocompletion``. Everything that answers a shell
imports neither Typer nor rich: the answer has to be there before the user has lifted the finger.
"""

QUESTION = "_CREATIVE_S3_COMPLETE"
"""The environment variable that makes the program answer a shell, whose name it holds."""
