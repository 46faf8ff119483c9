"""Ways in: bytes are kept durably before anything else happens to them."""
