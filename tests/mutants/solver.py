"""Wrong variants of solving."""

MUTANTS = []
