"""Ways out: each transaction leaves once, in the order of its case."""
