"""Wrong variants of the ground floor: validation, files, persistence, results."""

MUTANTS = []
