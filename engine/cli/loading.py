"""Load what a command works on, with progress; refuse it readably."""

from pathlib import Path

from engine.cli.console import Report, fail, progress, refuse
from engine.errors import FilesRefusedError
from engine.pricing.load import load_shop
from engine.pricing.shop import Shop
from engine.rules.load import LoadedRules, load_rule_sources, load_rules


def load(shop_folder: Path, rules_folder: Path | None) -> tuple[Shop, LoadedRules]:
    """Load a shop and its rules; ends the command with every fault where one is refused."""
    check_folders(shop_folder, rules_folder)
    try:
        with progress() as report:
            shop = load_shop(shop_folder, report)
            return shop, rules_of(shop, shop_folder, rules_folder, report)
    except FilesRefusedError as refused:
        refuse(refused)


def check_folders(
    shop_folder: Path, rules_folder: Path | None, *, shop_name: str = "--shop", rules_name: str = "--rules"
) -> None:
    """End the command where a folder that was named is none: nothing was read, so nothing that was read is wrong."""
    for name, kind, folder in ((shop_name, "shop", shop_folder), (rules_name, "rule", rules_folder)):
        if folder is not None and not folder.is_dir():
            fail(f"{name}: `{folder}` is not a folder, expected a {kind} folder")


def rules_of(shop: Shop, shop_folder: Path, rules_folder: Path | None, report: Report | None = None) -> LoadedRules:
    """Load the rules of a shop: from the folder that is named, else from its own, where it may have none."""
    folder = rules_folder or shop_folder / "rules"
    if rules_folder is None and not folder.exists():
        return load_rule_sources([], shop)
    return load_rules(folder, shop, report)
