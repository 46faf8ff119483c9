"""Run the command line: ``csenet``, or ``python -m csenet.gateway``."""

from csenet.gateway.cli import main

__all__ = ["main"]

if __name__ == "__main__":
    main(prog_name="csenet")
