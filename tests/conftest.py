"""Hypothesis profiles: `default` repeats the same examples everywhere, `nightly` draws new ones."""

import os

from hypothesis import settings

settings.register_profile("default", max_examples=1000, derandomize=True, deadline=None, database=None, print_blob=True)
settings.register_profile("nightly", max_examples=5000, deadline=None, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))
