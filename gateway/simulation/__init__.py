"""Let many gateways live under a virtual clock: stories of whole cases, and a population for a year."""
