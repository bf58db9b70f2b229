"""``python -m drywet``."""

from drywet.cli import main

main()
