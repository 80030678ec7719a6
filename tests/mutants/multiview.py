"""Wrong variants of graphs, clustering, classification and what they read and score."""

MUTANTS = []
