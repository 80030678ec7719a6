"""Wrong variants of the commands."""

MUTANTS = []
