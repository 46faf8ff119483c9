"""The only input and output, and the only wiring."""
