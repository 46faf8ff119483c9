# ruff: noqa: A005  # within `csenet` the name hides nothing
"""Turn CSENet bytes into values and values into bytes: no clock, no socket, no log, no await."""
