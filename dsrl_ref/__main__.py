"""``python -m dsrl_ref`` is ``dsrl-ref``."""

import sys

from dsrl_ref.cli import main

if __name__ == "__main__":
    sys.exit(main())
