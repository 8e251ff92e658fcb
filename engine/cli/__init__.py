"""The command `panier`: every front door that is not GraphQL."""

import errno
import os
import sys
from typing import Final

INTERRUPTED: Final = 130
"""What a shell expects of a command that Ctrl-C ended: 128 and the number of the signal."""
_CANNOT_WRITE: Final = 2
_NO_ROOM: Final = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def main() -> None:
    """Run the command line; the process ends with its exit status."""
    try:
        from engine.cli.app import app

        try:
            app()
        finally:
            sys.stdout.flush()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        _forget_output()
        sys.exit(1)
    except OSError as fault:
        if fault.filename is not None or fault.errno not in _NO_ROOM:
            raise
        _forget_output()
        print(f"error: cannot write the output: {fault.strerror}", file=sys.stderr)  # noqa: T201  # the console may be at fault
        sys.exit(_CANNOT_WRITE)


def _forget_output() -> None:
    """Let what could not be written go: Python tries again at its end, and complains."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
