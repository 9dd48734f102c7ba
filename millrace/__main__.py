"""`python -m millrace` is the command line."""

from millrace.cli.main import main

main()
