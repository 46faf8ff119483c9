"""The journal: what came, what was decided, what has to leave, in one database."""
