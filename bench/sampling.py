"""Where a process is: its stack, looked at again and again while it uses the processor.

A signal comes for every few milliseconds of processor time, and is seen between two steps of Python. What a library in
C was doing just before is charged to whoever called it; what the event loop and the kernel were doing, between two
callbacks, is known by the callback that has not begun yet. Unlike a tracing profiler it costs calls no more than other
things, so shares are those of a run without it.
"""

import signal
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Final

_EVERY_S: Final = 0.001
"""Kernels round it up to their own clock: four milliseconds on most."""
LOOP: Final = "event loop and kernel"
_OURS: Final = str(Path(__file__).parents[1])
LAYERS: Final = (
    ("<compiled answer>", "the answer: compiled function, orjson"),
    (f"{_OURS}/schema/compiled/", "the answer: compiled function, orjson"),
    (f"{_OURS}/schema/types/", "the answer: compiled function, orjson"),
    (f"{_OURS}/schema/views", "the answer: compiled function, orjson"),
    (f"{_OURS}/schema/auth", "the token"),
    (f"{_OURS}/schema/callers", "the token"),
    (f"{_OURS}/schema/documents", "the document"),
    (f"{_OURS}/schema/mutations", "the mutation: arguments, checks, command"),
    (f"{_OURS}/schema/inputs", "the mutation: arguments, checks, command"),
    (f"{_OURS}/schema/", "the endpoint: request in, response out"),
    (f"{_OURS}/engine/pricing/", "pricing: basket, evaluate"),
    (f"{_OURS}/engine/rules/", "pricing: basket, evaluate"),
    (f"{_OURS}/engine/cart/", "the cart: its bytes, its commands"),
    (f"{_OURS}/engine/storage/", "our side of the store"),
    (f"{_OURS}/engine/", "the service"),
    (f"{_OURS}/bench/", "the bare route itself"),
    ("/redis/", "redis-py and hiredis"),
    ("/starlette/", "starlette"),
    ("/uvicorn/", "uvicorn and httptools"),
    ("/asyncio/", "asyncio"),
)
"""By a part of a file's path, in this order, what its functions count as. Others count as whoever called them."""

Samples = Counter[tuple[str, str]]
"""How often each layer was seen, and in it each function."""


class Sampler:
    """Looks at the stack of this process from `start` on."""

    def __init__(self) -> None:
        self._samples: Samples = Counter()
        self._known: dict[str, str] = {}

    def start(self) -> None:
        """Look from now on."""
        signal.signal(signal.SIGPROF, self._look)
        signal.setitimer(signal.ITIMER_PROF, _EVERY_S, _EVERY_S)

    def taken(self) -> list[tuple[str, str, int]]:
        """Return layers, functions and how often they were seen, and begin anew."""
        samples, self._samples = self._samples, Counter()
        return [(*seen, times) for seen, times in samples.most_common()]

    def _look(self, _sign: int, frame: FrameType | None) -> None:
        self._samples[self._place(frame)] += 1

    def _place(self, frame: FrameType | None) -> tuple[str, str]:
        if frame is None or _waits(frame) or (frame.f_back and _waits(frame.f_back) and frame.f_lasti <= 2):
            return LOOP, ""
        function = ""
        while frame is not None:
            name = frame.f_code.co_filename
            layer = self._known.get(name)
            if layer is None:
                layer = self._known[name] = next((layer for part, layer in LAYERS if part in name), "")
            function = function or f"{Path(name).stem}.{frame.f_code.co_qualname}"
            if layer:
                return layer, function
            frame = frame.f_back
        return "other", function


def _waits(frame: FrameType) -> bool:
    """Say whether a frame is the one that runs the event loop."""
    return frame.f_code.co_name in {"run_until_complete", "_run_once"} or (
        frame.f_code.co_name == "run" and frame.f_code.co_filename.endswith("runners.py")
    )
