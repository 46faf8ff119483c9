"""Tell people by e-mail that there is work: numbers in the clear, files encrypted or not at all."""
