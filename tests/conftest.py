"""Hypothesis profiles: `default` repeats the same examples everywhere, `nightly` draws new ones.

`interpreted` draws few: with kernels in plain Python and every line counted, an example takes a hundred times as long.
"""

import os

from hypothesis import settings

settings.register_profile("default", max_examples=1000, derandomize=True, deadline=None, database=None, print_blob=True)
settings.register_profile("nightly", max_examples=5000, deadline=None, print_blob=True)
settings.register_profile("interpreted", max_examples=20, derandomize=True, deadline=None, database=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))
