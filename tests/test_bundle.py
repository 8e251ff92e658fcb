"""`panier bundle`: one file, named by its hash, that a till prices by; and snapshots in place of carts."""

import io
import json
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import typer

from engine.cart.snapshot import CartSnapshot
from engine.cli.bundle import load_bundle
from engine.cli.console import CANNOT_START
from engine.pricing.load import load_shop
from engine.rules.bundle import Bundle, BundleError, bundle_name, pack_bundle, unpack_bundle
from engine.signed_snapshots import SnapshotError, SnapshotSigner, checked_snapshot, key_set, unchecked_snapshot
from engine.types import InstantMs, MemberId
from tests.carts import cart_of
from tests.test_cli import Run, _panier, _shop, evaluations  # noqa: F401  # fixtures

SIGNER = SnapshotSigner.from_secret("a secret of the tests, long enough")
WITH_CODES = """\
promotions:
  - id: coded
    label: With a code
    codes_from: ../codes/summer.txt
    give: {order_percent_off: {percent: 20%}}
  - id: for-ada
    label: Gold
    customers: {tiers: [gold]}
    give: {order_amount_off: {amount: 1 EUR}}
    examples:
      - cart: [{sku: milk, quantity: 5}]
        customer: {id: ada}
        expect: {discount: 1.00 EUR}
"""


@pytest.fixture(name="folder")
def _folder(shop: Path) -> Path:
    """Write a shop whose rules lie in folders, with a list of codes, and an example that needs a customer."""
    for name in ("more", "codes"):
        (shop / "rules" / name).mkdir()
    (shop / "rules" / "more" / "é.yaml").write_text(WITH_CODES, encoding="utf-8")
    (shop / "rules" / "codes" / "summer.txt").write_text("SUMMER1\nSUMMER2\n", encoding="utf-8")
    (shop / "rules" / "notes.txt").write_text("nobody reads this")
    return shop


def made(panier: Run, folder: Path, into: Path) -> Path:
    into.mkdir(exist_ok=True)
    done = panier("bundle", folder, "-o", into)
    assert done.returncode == 0, done.stderr
    [file] = into.iterdir()
    assert str(file) in done.stdout
    return file


def test_a_bundle_prices_like_the_folder(panier: Run, folder: Path, tmp_path: Path) -> None:
    carts = [
        {"lines": [{"sku": "milk", "quantity": 30}, {"sku": "ham", "quantity": "1.250", "options": {"cut": "sliced"}}]},
        {"lines": [{"sku": "oat", "quantity": 9}], "codes": ["summer1"], "customer": {"tier": "gold"}},
        {"channel": "pos", "lines": [{"sku": "cake"}], "adjustments": [{"reason": "damaged", "percent": 10}]},
        {
            "lines": [{"barcode": "4006381333931"}],
            "delivery": {"method": "home", "slot": "day"},
            "fees": [{"fee": "gift-wrap"}],
        },
    ]
    text = "\n".join(map(json.dumps, carts))
    bundle = made(panier, folder, tmp_path / "out")
    by_folder, by_bundle = (
        panier("price", "--shop", each, "--at", "2026-06-01T12:00", "-", stdin=text) for each in (folder, bundle)
    )
    assert (by_bundle.returncode, by_bundle.stderr) == (0, "")
    assert by_bundle.stdout == by_folder.stdout
    assert len(evaluations(by_bundle)) == len(carts)


def test_the_same_folders_give_the_same_bytes(panier: Run, folder: Path, tmp_path: Path) -> None:
    """Whenever, wherever and in whichever order their files were written; and whoever the customers are."""
    first = made(panier, folder, tmp_path / "one")
    again = tmp_path / "copied"
    again.mkdir()
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_file():
            target = again / path.relative_to(folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
    (again / "customers.csv").write_text("id,tier\nada,gold\n", encoding="utf-8")
    second = made(panier, again, tmp_path / "two")
    assert (second.name, second.read_bytes()) == (first.name, first.read_bytes())
    assert first.name == bundle_name(first.read_bytes())
    with zipfile.ZipFile(first) as archive:
        names = archive.namelist()
    assert "shop/adjustments.yaml" in names
    assert "rules/codes/summer.txt" in names
    assert not {"shop/customers.csv", "rules/notes.txt"} & set(names)

    (again / "prices.csv").write_text((again / "prices.csv").read_text().replace("base,milk,1.20,", "base,milk,1.21,"))
    assert made(panier, again, tmp_path / "three").name != first.name


def test_a_bundle_may_have_a_name_of_ones_own(panier: Run, folder: Path, tmp_path: Path) -> None:
    done = panier("bundle", folder, "--out", tmp_path / "till.bundle")
    assert (done.returncode, done.stdout.split(":")[0]) == (0, str(tmp_path / "till.bundle"))
    assert (
        panier("price", "--shop", tmp_path / "till.bundle", "-", stdin='{"lines": [{"sku": "milk"}]}').returncode == 0
    )


def test_rules_that_are_wrong_make_no_bundle(panier: Run, folder: Path, tmp_path: Path) -> None:
    (folder / "rules" / "more" / "é.yaml").write_text(WITH_CODES.replace("1.00 EUR", "2.00 EUR"), encoding="utf-8")
    (tmp_path / "out").mkdir()
    done = panier("bundle", folder, "-o", tmp_path / "out")
    assert (done.returncode, list((tmp_path / "out").iterdir())) == (1, [])
    assert "example" in done.stderr


def refusal(file: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """Return what is said of a file that is not loaded."""
    with pytest.raises(typer.Exit) as ended:
        load_bundle(file)
    assert ended.value.exit_code == CANNOT_START
    return capsys.readouterr().err


def test_what_is_no_bundle(panier: Run, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = made(panier, folder, tmp_path / "out")
    whole = file.read_bytes()
    file.write_bytes(whole.replace(b"1.20", b"9.20"))
    assert "is damaged: its name is not the hash" in refusal(file, capsys)
    other = tmp_path / "other.zip"
    empty, unnamed = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(empty, "w"), zipfile.ZipFile(unnamed, "w") as archive:
        archive.writestr("bundle.json", '{"form": 1, "ruleset_hash": 7}')
    encrypted = whole.replace(b"PK\x03\x04\x14\x00\x00", b"PK\x03\x04\x14\x00\x01")
    for content, said in (
        (b"PK", "no bundle"),
        (empty.getvalue(), "no bundle"),
        (unnamed.getvalue(), "no bundle"),
        (encrypted.replace(b"PK\x01\x02\x14\x03\x14\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01"), "no bundle"),
        (whole.replace(b"1.20", b"9.20"), "damaged"),
        (whole.replace(b'"form":1', b'"form":2'), "damaged"),
    ):
        other.write_bytes(content)
        assert said in refusal(other, capsys)
    assert "cannot read" in refusal(tmp_path / "none.zip", capsys)
    done = panier("price", "--shop", file, "--rules", folder / "rules", "-")
    assert (done.returncode, "has its rules in it" in done.stderr) == (2, True)
    done = panier("bundle", folder, "-o", tmp_path / "no" / "such" / "folder")
    assert (done.returncode, "cannot write" in done.stderr) == (2, True)


def test_a_bundle_of_another_version_of_panier(
    panier: Run, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = unpack_bundle(made(panier, folder, tmp_path / "out").read_bytes())
    file = tmp_path / "other.zip"
    for changed, said in (
        (replace(found, pricing_version=0), "for the pricing version 0"),
        (replace(found, ruleset_hash="x"), "another version of Panier"),
        (replace(found, price_book_version="x"), "another version of Panier"),
    ):
        file.write_bytes(pack_bundle(changed))
        assert said in refusal(file, capsys)


@pytest.mark.parametrize("name", ["../x", "/x", "a/../../x", "a\\..\\x"])
def test_a_bundle_writes_nowhere_else(name: str) -> None:
    with pytest.raises(BundleError, match="no name of a file"):
        unpack_bundle(pack_bundle(Bundle({name: b""}, {}, "r", "p", 1)))


# Snapshots


def snapshot(folder: Path, ruleset_hash: str, **more: Any) -> CartSnapshot:
    shop = load_shop(folder)
    cart = cart_of(shop, id="taken", lines=[{"sku": "milk", "quantity": 30}], customer={"tier": "gold"}).cart
    times = {"taken_ms": InstantMs(1), "expires_ms": InstantMs(2)}
    known: dict[str, Any] = {"ruleset_hash": ruleset_hash, "price_book_version": shop.version, **times, **more}
    return CartSnapshot(cart, MemberId("terminal:4"), "till-4", **known)


def test_a_snapshot_is_priced_by_the_bundle_that_it_goes_with(panier: Run, folder: Path, tmp_path: Path) -> None:
    bundle = made(panier, folder, tmp_path / "out")
    ruleset_hash = unpack_bundle(bundle.read_bytes()).ruleset_hash
    good = SIGNER.signed(snapshot(folder, ruleset_hash))
    others = [
        SIGNER.signed(snapshot(folder, "0" * 32)),
        SIGNER.signed(snapshot(folder, ruleset_hash, price_book_version="x")),
        SnapshotSigner.from_secret("another secret, which is not the shop's").signed(snapshot(folder, ruleset_hash)),
        f"{good}x",
        "eyJ",
    ]
    key = tmp_path / "key.json"
    key.write_text(json.dumps(dict(SIGNER.key)))
    document = json.dumps({"id": "file", "lines": [{"sku": "milk", "quantity": 30}], "customer": {"tier": "gold"}})
    text = "\n".join([good, *others, document])
    done = panier("price", "--shop", bundle, "--keys", key, "--at", "2026-06-01T12:00", "-", stdin=text)
    taken, written = evaluations(done)
    assert (taken["id"], taken["totals"]) == ("taken", written["totals"])
    assert done.returncode == 1
    told = done.stderr.splitlines()
    assert [line.partition(": ")[0] for line in told[:5]] == [f"stdin:{number}" for number in range(2, 7)]
    assert "goes with the rules 00000000" in told[0]
    assert "goes with the prices x" in told[1]
    assert "a key that is not among those given" in told[2]
    unchecked = panier("price", "--shop", bundle, "-", stdin=others[2])
    assert (unchecked.returncode, len(evaluations(unchecked))) == (0, 1)


def test_keys_that_are_none(panier: Run, folder: Path, tmp_path: Path) -> None:
    good = SIGNER.signed(snapshot(folder, "r"))
    for content in ("x", "{}"):
        (tmp_path / "keys").write_text(content)
        done = panier("price", "--shop", folder, "--keys", tmp_path / "keys", "-", stdin=good)
        assert (done.returncode, "--keys" in done.stderr) == (2, True)


def test_signatures(folder: Path) -> None:
    taken = snapshot(folder, "r")
    signed = SIGNER.signed(taken)
    assert SIGNER.signed(taken) == signed
    assert SIGNER.checked(signed) == unchecked_snapshot(signed) == checked_snapshot(signed, [SIGNER.key]) == taken
    assert checked_snapshot(signed, key_set(json.dumps({"keys": [dict(SIGNER.key)]}))) == taken
    stranger = SnapshotSigner.from_secret("another secret, which is not the shop's")
    assert stranger.key["kid"] != SIGNER.key["kid"]
    for wrong in (stranger.signed(taken), signed[:-6] + "AAAAAA", "", "a.b.c"):
        with pytest.raises(SnapshotError):
            SIGNER.checked(wrong)
    ec = {"kid": SIGNER.key["kid"], "kty": "OKP", "crv": "X25519", "x": SIGNER.key["x"]}
    with pytest.raises(SnapshotError):
        checked_snapshot(signed, [ec])
