"""A service that kills itself at a step of a checkout: `python -m tests.http.dying STORE_URL FOLDER STEP`.

It prints its address, serves, and ends by SIGKILL when the step is reached; without that it ends when its input does.
"""

import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

from engine.storage.checkouts import CheckoutStore
from engine.storage.keys import KeyNames
from tests.http.service import CART_LIMITS, Service, snapshot

RULES = """\
loyalty:
  burn: {points: 100, worth: 1 EUR}
  stamps: [{id: visits, per: order}]
promotions:
  - id: single
    label: One for the first
    codes: [ONLY-ONE]
    limits: {total: 1}
    give: {order_amount_off: {amount: 1 EUR}}
  - id: next-time
    codes: [ONLY-ONE]
    give: {issue_code: {series: next-visit, valid_days: 30}}
  - id: back-again
    codes: series:next-visit
    give: {order_amount_off: {amount: 0.02 EUR}}
  - id: fifth
    limits: {stamps: {card: visits, take: 4}}
    give: {order_amount_off: {amount: 0.05 EUR}}
"""

ATTEMPT_MS = 300
"""For how long a payment is somebody's, short enough for a test to wait."""


def die_at(step: str) -> None:
    """End without a word, as a power cut would."""
    if step == sys.argv[3]:
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    service = Service(sys.argv[1], snapshot(Path(sys.argv[2]), RULES))
    service.engine.reached = die_at
    checkouts = CheckoutStore(service.connection, KeyNames(), log_length=CART_LIMITS.log, attempt_ms=ATTEMPT_MS)
    service.engine.stores = replace(service.engine.stores, checkouts=checkouts)
    with service.run():
        sys.stdout.write(f"{service.url}\n")
        sys.stdout.flush()
        sys.stdin.read()
