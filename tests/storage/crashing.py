"""A connection that is cut off at the worst moment."""

from typing import Any

from engine.errors import StoreUnavailableError
from engine.storage import scripts
from engine.storage.connection import Connection

MOVING = (scripts.LIMIT_MOVE, scripts.LEDGER_COMMIT)


class CrashingConnection(Connection):
    """Is cut off at one of the steps that move something from slot to slot."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.crash_at: tuple[int, bool] | None = None
        """After how many such steps, and whether the one that is cut off arrives and only its answer does not."""

    async def run(self, script: Any, keys: Any, arguments: Any) -> list[Any]:
        """Run a script unless this is the step at which to be cut off."""
        if script not in MOVING or self.crash_at is None:
            return await super().run(script, keys, arguments)
        steps_left, arrives = self.crash_at
        self.crash_at = (steps_left - 1, arrives)
        if steps_left:
            return await super().run(script, keys, arguments)
        self.crash_at = None
        if arrives:
            await super().run(script, keys, arguments)
        raise StoreUnavailableError("cut off")
