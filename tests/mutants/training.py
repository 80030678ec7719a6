"""Wrong variants of training."""

MUTANTS = []
