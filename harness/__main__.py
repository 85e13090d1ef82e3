"""`python -m harness` is `bordor`."""

from harness.cli import main

main()
