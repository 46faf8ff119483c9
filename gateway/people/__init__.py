"""People and programs that use the gateway: who they are, what they may do, and what they have seen."""
