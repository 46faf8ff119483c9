"""Let somebody of a case see which interstate requests there are about it, and nothing else."""
