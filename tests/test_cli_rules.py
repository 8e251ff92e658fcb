"""`panier rules` and `panier codes`, run as merchandisers run them."""

import json
import shutil
import time
from pathlib import Path

import jsonschema
import pytest

from engine.cart.codes import CODE_ALPHABET, is_intact
from engine.pricing.load import load_shop
from engine.rules.load import load_rules
from tests.test_cli import GROCER, RULES, Run, _panier, _shop  # noqa: F401 - the last two are fixtures

BASKETS = GROCER / "baskets.jsonl"
MILK = '{"id": "m", "lines": [{"sku": "milk", "quantity": 2}]}\n'
EXAMPLES = """\
    examples:
      - {cart: [{sku: milk, quantity: 2}], expect: {discount: 0.24 EUR}}
      - {cart: [{sku: ham}], expect: {discount: 1 EUR}}
"""
WITH_EXAMPLES = RULES.replace("  - id: big-order", f"{EXAMPLES}  - id: big-order")


# panier rules check


def test_a_rule_folder_is_checked_by_itself(panier: Run, shop: Path) -> None:
    done = panier("rules", "check", shop / "rules")
    assert (done.returncode, done.stdout) == (
        0,
        "1 file, 2 promotions; not checked against a shop\n0 errors, 0 warnings\n",
    )
    (shop / "rules" / "rules.yaml").write_text(RULES.replace("give:", "gvie:", 1))
    done = panier("rules", "check", shop / "rules")
    assert done.returncode == 1
    assert "rules.yaml:4:5: error" in done.stdout
    assert "help: did you mean `give`?" in done.stdout


@pytest.mark.parametrize("option", [("--at", "2026-06-01"), ("--stacks-above", "60%")])
def test_what_needs_a_shop_is_not_passed_over_without_one(panier: Run, shop: Path, option: tuple[str, str]) -> None:
    done = panier("rules", "check", shop / "rules", *option)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"{option[0]} looks at what the shop sells: name it with --shop" in done.stderr


def test_warnings_are_shown_and_fail_only_where_asked(panier: Run, shop: Path) -> None:
    (shop / "rules" / "rules.yaml").write_text(RULES.replace("label: Dairy", "active: {until: 2026-01-01}"))
    words = ("rules", "check", shop / "rules", "--shop", shop)
    done = panier(*words, "--at", "2026-06-01T12:00")
    assert done.returncode == 0, done.stdout
    assert "rules.yaml:3:21: warning window_past: `dairy` ended" in done.stdout
    assert done.stdout.endswith("0 errors, 1 warning\n")
    assert panier(*words, "--at", "2026-06-01T12:00", "--strict").returncode == 1
    assert panier(*words, "--at", "2025-06-01T12:00", "--strict").returncode == 0
    assert "window_past" in panier("check", "--shop", shop).stdout


def test_what_stacks_too_high_is_told_where_asked(panier: Run, shop: Path) -> None:
    words = ("rules", "check", shop / "rules", "--shop", shop)
    assert "stacks_high" not in panier(*words).stdout
    assert "together take 14.5% off `milk`, more than 12%" in panier(*words, "--stacks-above", "12%").stdout
    done = panier(*words, "--stacks-above", "much")
    assert (done.returncode, done.stderr[:16]) == (2, "error: --stacks-")


# panier rules examples


def test_examples_are_listed_and_a_failed_one_is_status_1(panier: Run, shop: Path) -> None:
    (shop / "rules" / "rules.yaml").write_text(WITH_EXAMPLES)
    done = panier("rules", "examples", shop / "rules", "--shop", shop)
    assert done.returncode == 1, done.stderr
    lines = done.stdout.splitlines()
    assert lines[1].split() == ["pass", "dairy", "rules.yaml:6", "Dairy:", "applied,", "0.24", "EUR", "off."]
    assert lines[2].split()[:3] == ["fail", "dairy", "rules.yaml:7"]
    assert "error example_failed: expected 1.00 EUR off, got 0.00" in done.stdout
    assert lines[-1] == "2 examples, 1 failed; 1 promotion without an example"


def test_examples_that_hold_are_status_0(panier: Run) -> None:
    done = panier("rules", "examples", GROCER / "rules", "--shop", GROCER)
    assert done.returncode == 0, done.stdout
    assert " 0 failed; " in done.stdout


# panier rules explain


def test_a_promotion_is_explained_in_words_and_numbers(panier: Run, shop: Path, tmp_path: Path) -> None:
    (tmp_path / "carts.jsonl").write_text('{"lines": [{"sku": "oat"}]}\n' + MILK)
    words = ("--shop", shop, "--cart", "carts.jsonl", "--at", "2026-06-01T12:00")
    done = panier("rules", "explain", "big-order", *words, "--line", "2")
    assert done.returncode == 0, done.stderr
    said = [line.rstrip() for line in done.stdout.splitlines()]
    assert said[0] == "Big order: 47.84 EUR more is needed (2.16 EUR of 50.00 EUR)."
    numbers = dict(line.split(None, 1) for line in said[1:] if not line.startswith("in the cart"))
    assert numbers["outcome"] == "condition_failed"
    assert numbers["condition"] == "spend"
    assert (numbers["needed"], numbers["missing"]) == ("50.00 EUR", "47.84 EUR")
    assert numbers["alone"] == "47.60 EUR more is needed (2.40 EUR of 50.00 EUR)."
    assert numbers["rule"] == "rules.yaml:5"
    assert numbers["cart"].startswith("m, web, north, 2026-06-01T12:00:00+02:00")
    assert panier("rules", "explain", "dairy", *words).stdout.startswith("Dairy: applied, 0.24 EUR off.\n")


def test_what_a_promotion_costs_the_cart_is_told_of_both(panier: Run, shop: Path, tmp_path: Path) -> None:
    (shop / "rules" / "rules.yaml").write_text(
        "promotions:\n"
        "  - {id: two, label: Two off, give: {amount_off: {amount: 2 EUR, per: selection}}}\n"
        "  - {id: step, when: {spend: {at_least: 24 EUR}}, give: {order_amount_off: {amount: 5 EUR}}}\n"
        "  - {id: other, give: {fee_percent_off: {percent: 5%}}}\n"
    )
    (tmp_path / "carts.jsonl").write_text('{"lines": [{"sku": "oat", "quantity": 10}]}\n')
    words = ("--shop", shop, "--cart", "carts.jsonl", "--at", "2026-06-01T12:00")
    for promotion in ("two", "step"):
        said = " ".join(panier("rules", "explain", promotion, *words).stdout.split())
        expected = "Two off takes 2.00 EUR off at the expense of step: without it the cart would cost 3.00 EUR less"
        assert f"warning {expected} alone" in said
    assert "expense" not in panier("rules", "explain", "other", *words).stdout


def test_what_cannot_be_explained_is_named(panier: Run, shop: Path, tmp_path: Path) -> None:
    (tmp_path / "carts.jsonl").write_text(MILK)
    words = ("--shop", shop, "--cart", "carts.jsonl")
    done = panier("rules", "explain", "diary", *words)
    assert (done.returncode, done.stderr) == (1, "error: there is no promotion `diary`: did you mean `dairy`?\n")
    done = panier("rules", "explain", "dairy", *words, "--line", "2")
    assert (done.returncode, done.stderr) == (1, "error: `carts.jsonl` has no cart on line 2\n")


# panier rules diff


def test_two_rule_folders_are_compared_for_carts(panier: Run, shop: Path, tmp_path: Path) -> None:
    shutil.copytree(shop / "rules", tmp_path / "new")
    (tmp_path / "new" / "rules.yaml").write_text(RULES.replace("10%", "20%").replace("50 EUR", "500 EUR"))
    carts = [
        MILK,
        '{"id": "h", "lines": [{"sku": "ham", "quantity": 5}]}\n',
        '{"id": "p", "lines": [{"sku": "ham"}]}\n',
    ]
    words = ("rules", "diff", shop / "rules", tmp_path / "new", "--shop", shop, "--carts", "-")
    at = ("--at", "2026-06-01T12:00")
    done = panier(*words, *at, "--json", stdin="".join(carts))
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["currencies"] == [
        {
            "currency": "EUR",
            "carts": 3,
            "better_off": 1,
            "worse_off": 1,
            "unchanged": 1,
            "total_before_minor": 216 + 8950 - 448 + 1990,
            "total_after_minor": 192 + 8950 + 1990,
            "given_before_minor": 24 + 448,
            "given_after_minor": 48,
        }
    ]
    assert [(change["cart"], change["promotions"]) for change in result["largest"]] == [
        ("h", [{"promotion": "big-order", "given_more_minor": -448}]),
        ("m", [{"promotion": "dairy", "given_more_minor": 24}]),
    ]
    shown = panier(*words, *at, stdin="".join(carts)).stdout
    assert "3 carts in EUR: 1 better off, 1 worse off, 1 unchanged" in shown
    assert "given away: 4.72 EUR before, 0.48 EUR after (-4.24 EUR)" in shown


def test_real_carts_are_compared_in_seconds(panier: Run) -> None:
    began = time.monotonic()
    done = panier("rules", "diff", GROCER / "rules", GROCER / "rules", "--shop", GROCER, "--carts", BASKETS)
    assert "1,250 carts in USD: 0 better off, 0 worse off, 1,250 unchanged" in done.stdout
    assert time.monotonic() - began < 30


# panier rules format


def test_files_are_formatted_once(panier: Run, shop: Path) -> None:
    file = shop / "rules" / "rules.yaml"
    file.write_text(RULES.replace("label: Dairy", "label: 'Dairy'   # ours"))
    done = panier("rules", "format", shop / "rules", "--check")
    assert (done.returncode, done.stdout) == (1, "would change rules.yaml\n1 file, 1 to change\n")
    assert panier("rules", "format", shop / "rules").stdout == "changed rules.yaml\n1 file, 1 changed\n"
    assert "    label: Dairy  # ours\n" in file.read_text()
    done = panier("rules", "format", shop / "rules", "--check")
    assert (done.returncode, done.stdout) == (0, "1 file, 0 to change\n")
    assert "amount_of: current" in panier("rules", "format", shop / "rules", "--show-defaults").stdout
    file.write_text("promotions: [\n")
    done = panier("rules", "format", shop / "rules")
    assert done.returncode == 1
    assert "`rules.yaml` is not readable as YAML" in done.stderr


def test_a_file_is_replaced_whole_and_stays_the_link_that_it_was(panier: Run, shop: Path, tmp_path: Path) -> None:
    file, elsewhere = shop / "rules" / "rules.yaml", tmp_path / "ours.yaml"
    elsewhere.write_text(RULES.replace("label: Dairy", "label: 'Dairy'"))
    elsewhere.chmod(0o640)
    file.unlink()
    file.symlink_to(elsewhere)
    assert panier("rules", "format", shop / "rules").stdout == "changed rules.yaml\n1 file, 1 changed\n"
    assert file.is_symlink()
    assert "label: Dairy\n" in elsewhere.read_text()
    assert elsewhere.stat().st_mode & 0o777 == 0o640
    elsewhere.write_text(RULES.replace("label: Dairy", "label: 'Dairy'"))
    (tmp_path / ".ours.yaml.new").mkdir()  # in the way
    done = panier("rules", "format", shop / "rules")
    assert (done.returncode, done.stdout) == (2, "")
    assert "cannot write `rules.yaml`: Is a directory" in done.stderr


# panier rules schema


def test_the_schema_is_printed_and_written(panier: Run, tmp_path: Path) -> None:
    schema = json.loads(panier("rules", "schema").stdout)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert panier("rules", "schema", "--out", "rules.schema.json").returncode == 0
    assert json.loads((tmp_path / "rules.schema.json").read_text()) == schema


# panier codes


def test_a_hundred_thousand_codes_are_made_in_seconds_and_loaded(panier: Run, shop: Path) -> None:
    lists = shop / "rules" / "codes"
    lists.mkdir()
    words = ("codes", "generate", "--count", 100_000, "--length", 10, "--prefix", "Summer", "--out")
    began = time.monotonic()
    done = panier(*words, lists / "summer.txt")
    assert (done.returncode, time.monotonic() - began < 20) == (0, True), done.stderr
    codes = (lists / "summer.txt").read_text().split()
    assert len(set(codes)) == 100_000
    assert {(code[:6], len(code)) for code in codes} == {("SUMMER", 16)}
    assert set("".join(code[6:] for code in codes)) == set(CODE_ALPHABET)
    assert all(is_intact(code[6:]) for code in codes[:1_000])
    assert panier(*words, lists / "summer.txt").returncode == 2, "a list that is in use is not overwritten"

    (shop / "rules" / "rules.yaml").write_text(
        RULES.replace("label: Dairy", "codes_from: codes/summer.txt\n    label: Dairy")
    )
    loaded = load_shop(shop)
    began = time.monotonic()
    ruleset = load_rules(shop / "rules", loaded).ruleset
    assert time.monotonic() - began < 10
    assert all(ruleset.by_code[code][0].id == "dairy" for code in codes)
    cart = json.dumps({"lines": [{"sku": "milk"}], "codes": [codes[0].lower()]})
    [priced] = [json.loads(line) for line in panier("price", "--shop", shop, "-", stdin=cart).stdout.splitlines()]
    assert priced["codes"][0]["state"] == "applied"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ("--count", 100_000, "--length", 5),
            "error: --length: 5 is too short for 100,000 codes that nobody can guess",
        ),
        (("--count", 1, "--prefix", "a_b"), "error: --prefix: `a_b` cannot begin a code"),
        (("--count", 1, "--prefix", "ÉTÉ"), "error: --prefix: `ÉTÉ` cannot begin a code"),
    ],
)
def test_codes_that_would_not_do_are_not_made(panier: Run, words: tuple[object, ...], message: str) -> None:
    done = panier("codes", "generate", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(message)


def test_a_code_is_looked_at_without_its_list(panier: Run) -> None:
    [code] = panier("codes", "generate", "--count", "1", "--prefix", "SUMMER").stdout.split()
    done = panier("codes", "check", "--prefix", "summer", f"{code[:6]}-{code[6:].lower()}")
    assert (done.returncode, done.stdout.split()[0]) == (0, "ok")
    slip = code[:-1] + CODE_ALPHABET[CODE_ALPHABET.index(code[-1]) - 1]
    done = panier("codes", "check", "--prefix", "summer", slip)
    assert (done.returncode, done.stdout) == (1, f"wrong {slip}\n")


# panier rules reference


def test_a_word_is_explained_in_the_terminal(panier: Run) -> None:
    done = panier("rules", "reference", "bundle")
    assert done.returncode == 0, done.stderr
    assert "as many bundles as fit" in done.stdout
    assert "max_sets" in done.stdout
    assert "price: 60 EUR" in done.stdout
    assert len(panier("rules", "reference").stdout) > 10 * len(done.stdout)
    wrong = panier("rules", "reference", "bundel")
    assert (wrong.returncode, wrong.stderr) == (1, "error: there is no word `bundel`: did you mean `bundle`?\n")
