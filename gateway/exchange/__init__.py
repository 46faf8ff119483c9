"""A simulated federal exchange for demo, training and tests."""
