"""What may be set: one class a section of gateway.toml, read from the file and the environment."""
