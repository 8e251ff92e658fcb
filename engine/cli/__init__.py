"""The command `panier`: every front door that is not GraphQL."""

import sys

INTERRUPTED = 130
"""What a shell expects of a command that Ctrl-C ended: 128 and the number of the signal."""


def main() -> None:
    """Run the command line; the process ends with its exit status."""
    try:
        from engine.cli.app import app

        app()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
