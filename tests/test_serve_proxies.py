"""Where a call comes from, behind a proxy of `panier serve`."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from engine.cart.handoff import HandoffCode
from engine.handoff_service import ADDRESS_ATTEMPTS
from tests.test_cli import serving
from tests.test_serve_live import running

CLAIM = "mutation($code: String!) { cartHandoffClaim(code: $code) { userErrors { code } } }"
SESSION = 'mutation { sessionCreate(channel: "web") { token } }'


@pytest.mark.parametrize(
    ("proxies", "last"), [("127.0.0.1,::1", "UNKNOWN_HANDOFF"), ("10.0.0.0/8", "TOO_MANY_ATTEMPTS")]
)
def test_only_a_proxy_that_is_trusted_says_where_calls_come_from(tmp_path: Path, proxies: str, last: str) -> None:
    shop = running(tmp_path / "shop")
    with (
        serving(tmp_path, "--shop", shop, PANIER_TRUSTED_PROXIES=proxies) as service,
        httpx.Client() as client,
    ):

        def ask(query: str, variables: Any = None, **headers: str) -> Any:
            asked = {"query": query, "variables": variables}
            return client.post(service.address, json=asked, headers=headers).json()["data"]

        code, answers = HandoffCode(10**9).text, []
        for number in range(ADDRESS_ATTEMPTS + 1):
            token = ask(SESSION)["sessionCreate"]["token"]
            claimed = ask(
                CLAIM, {"code": code}, **{"Authorization": f"Bearer {token}", "X-Forwarded-For": f"192.0.2.{number}"}
            )
            answers.append(claimed["cartHandoffClaim"]["userErrors"][0]["code"])
    assert answers == ["UNKNOWN_HANDOFF"] * ADDRESS_ATTEMPTS + [last]
