"""Compiled loops: functions of arrays and scalars only; the caller validates and allocates."""
