"""`panier bundle`: what a till prices by, in one file; and how a command loads it again."""

import os
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from engine.cli.console import counted, fail, out, progress, refuse
from engine.cli.loading import load
from engine.errors import FilesRefusedError
from engine.pricing.evaluation import PRICING_VERSION
from engine.pricing.load import load_shop
from engine.pricing.load_files import bundled_files
from engine.pricing.shop import Shop
from engine.rules.bundle import Bundle, BundleError, bundle_name, pack_bundle, unpack_bundle
from engine.rules.codelists import lists_of
from engine.rules.load import load_checked_rules
from engine.rules.ruleset import Ruleset


def bundle(
    shop: Annotated[Path, typer.Argument(metavar="FOLDER", help="The shop folder.")],
    rules: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="The rule folder.", show_default="`rules` in the shop folder")
    ] = None,
    out_file: Annotated[
        Path,
        typer.Option("--out", "-o", metavar="FILE", help="Where to; in a folder, the file is named by its hash."),
    ] = Path(),
) -> None:
    """Write rules and prices into one file, for tills that price by themselves.

    They are checked as a server checks them. The same folders give the same file, byte for byte, on every machine;
    customers are left out. `panier price --shop FILE` prices by it.
    """
    loaded, of_shop = load(shop, rules)
    rule_folder = rules or shop / "rules"
    rule_files = {Path(file.source.name).as_posix(): file.source.text.encode() for file in of_shop.files}
    rule_files |= {name: (rule_folder / name).read_bytes() for name in lists_of(of_shop.files)}
    ruleset_hash = of_shop.ruleset.hash
    packed = pack_bundle(
        Bundle(bundled_files(shop), rule_files, ruleset_hash, loaded.version, PRICING_VERSION),
    )
    target = out_file / bundle_name(packed) if out_file.is_dir() else out_file
    _write(target, packed)
    out.print(f"{target}: {counted(len(packed), 'byte')}", markup=False)
    out.print(f"rules {ruleset_hash}, prices {loaded.version}", markup=False)


def load_bundle(file: Path) -> tuple[Shop, Ruleset]:
    """Load a bundle; ends the command where it is none, or one that this version of Panier prices in another way."""
    try:
        packed = file.read_bytes()
        if file.name.startswith("panier-") and file.suffix == ".zip" and file.name != bundle_name(packed):
            fail(f"`{file}` is damaged: its name is not the hash of its bytes")
        found = unpack_bundle(packed)
        if found.pricing_version != PRICING_VERSION:
            fail(f"`{file}` is for the pricing version {found.pricing_version}, and this is {PRICING_VERSION}")
        shop, ruleset = _loaded(found)
    except OSError as fault:
        fail(f"cannot read `{file}`: {fault.strerror}")
    except BundleError as fault:
        fail(f"`{file}`: {fault}")
    except FilesRefusedError as refused:
        refuse(refused)
    if (ruleset.hash, shop.version) != (found.ruleset_hash, found.price_book_version):
        fail(f"`{file}` was written by another version of Panier, which understood its rules or prices differently")
    return shop, ruleset


def _loaded(found: Bundle) -> tuple[Shop, Ruleset]:
    """Load the files of a bundle, from a folder that is gone afterwards: files are what shops are made of."""
    with tempfile.TemporaryDirectory(prefix="panier-") as name:
        shop_folder, rule_folder = Path(name, "shop"), Path(name, "rules")
        for folder, files in ((shop_folder, found.shop_files), (rule_folder, found.rule_files)):
            folder.mkdir()
            for file, content in files.items():
                target = folder / file
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)
        with progress() as report:
            shop = load_shop(shop_folder, report)
            return shop, load_checked_rules(rule_folder, shop, report)


def _write(target: Path, packed: bytes) -> None:
    """Write the file whole or not at all: a till may be fetching it just now."""
    fresh = target.with_name(f"{target.name}.{os.getpid()}")
    try:
        fresh.write_bytes(packed)
        fresh.replace(target)
    except OSError as fault:
        fresh.unlink(missing_ok=True)
        fail(f"cannot write `{target}`: {fault.strerror}")
