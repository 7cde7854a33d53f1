"""`python -m gossipsim` is the command line."""

import sys

from gossipsim.cli import main

if __name__ == "__main__":
    sys.exit(main())
