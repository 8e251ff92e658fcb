"""The clients of JavaScript shops, as npm has them, follow and change carts: see tests/js."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.http.service import SECRET, Service

JS = Path(__file__).parents[1] / "js"
GUIDE = (Path(__file__).parents[2] / "docs" / "graphql.md").read_text(encoding="utf-8")
NODE = shutil.which("node") or "node"


def missing() -> str | None:
    """Say what these tests lack on this machine."""
    if shutil.which(NODE) is None:
        return "there is no node"
    version = subprocess.run([NODE, "--version"], capture_output=True, encoding="utf-8", check=True).stdout.strip()
    if int(version.removeprefix("v").partition(".")[0]) < 20:
        return f"node is {version}: they need 20 or newer"
    # npm writes this file when everything is in its place.
    if not (JS / "node_modules" / ".package-lock.json").exists():
        return "their packages are not installed: `make javascript` does that, or says why it cannot"
    return None


@pytest.fixture(scope="session")
def node() -> str:
    """Return the command; without it nothing is tested, which is a failure where the environment asks for it."""
    if lacking := missing():
        told = f"JavaScript clients are not tested: {lacking}"
        assert os.environ.get("PANIER_TEST_JAVASCRIPT") != "required", told
        pytest.skip(told)
    return NODE


@pytest.mark.parametrize("story", sorted(path.name for path in JS.glob("*.test.js")))
def test_a_client_gets_what_it_expects(service: Service, node: str, story: str) -> None:
    told = {"PANIER_URL": f"{service.url}/graphql", "PANIER_SECRET": SECRET}
    done = subprocess.run(
        [node, "--test", "--test-reporter=spec", "--test-timeout=100000", story],
        cwd=JS,
        env=os.environ | told,
        capture_output=True,
        encoding="utf-8",
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_guide_shows_how_the_clients_are_set_up_here() -> None:
    shown = re.findall(r"```js\n(.*?)```", GUIDE, re.DOTALL)
    assert shown == [(JS / name).read_text(encoding="utf-8") for name in ("websocket.js", "apollo.js", "sse.js")]


def test_the_packages_name_no_registry() -> None:
    assert '"resolved"' not in (JS / "package-lock.json").read_text(encoding="utf-8")
