"""Wrong variants of what verifies."""

MUTANTS = []
