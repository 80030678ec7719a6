"""Compiled functions of arrays and scalars; the caller validates and allocates."""
