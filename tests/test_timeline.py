"""The words of the timeline."""

import re

from engine.pricing import timeline
from engine.storage import merges, scripts

TOLD_AS_ANOTHER = {"less"}


def test_every_verb_of_the_log_has_words() -> None:
    operations = set(re.findall(r"^function apply\.(\w+)", scripts.COMMIT.source, re.MULTILINE))
    written = {verb for script in scripts.ALL for verb in re.findall(r"\{\{'(\w+)'", script.source)}
    assert "freeze" in operations
    assert "order" in written
    told = (operations - TOLD_AS_ANOTHER) | written | set(merges._OUTCOME.values())
    assert told - set(timeline._WORDS) == set()
