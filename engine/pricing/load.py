"""Load a shop folder (see ``docs/shop-folder.md``): whole, or not at all and with every fault named."""

import gc
import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, NoReturn
from zoneinfo import ZoneInfo

import orjson

from engine.cart.merging import MergePolicy
from engine.errors import Diagnostic, FilesRefusedError, Severity, Span, in_order
from engine.pricing.load_adjustments import read_adjustments
from engine.pricing.load_catalogue import Catalogue, Progress, read_customers, read_prices, read_products
from engine.pricing.load_files import Folder, Report, misnamed_files
from engine.pricing.load_places import (
    Places,
    channels_of,
    check_label_currencies,
    check_places,
    fees_of,
    layouts_of,
    methods_of,
    options_of,
    price_lists_of,
    ranges_of,
    read_places,
    stores_of,
    taxes_of,
)
from engine.pricing.shop import Shop
from engine.types import ChannelId, StoreId

_VERSION_FORM: Final = b"panier shop 1\n"
"""Named in every version: changed when the same content comes to mean something else."""


def load_shop(folder: Path, progress: Progress | None = None) -> Shop:
    """Read a shop folder.

    `progress` is called with the file that is being read, the rows done and the rows there are. Raises
    `FilesRefusedError` with every fault of the folder, in the order of files and lines.
    """
    report = Report()
    if not folder.is_dir():
        message = f"`{folder}` is not a folder"
        refuse(folder, [Diagnostic("missing_folder", message, Span(str(folder), 1, 1), "name a shop folder")])
    with _collector_paused():
        shop = _read(Folder(folder, report, misnamed_files(folder, report)), progress or _silent)
    if shop is None or any(fault.severity is Severity.ERROR for fault in report.diagnostics):
        refuse(folder, report.diagnostics)
    return replace(shop, version=version_of(shop))


def refuse(folder: Path, diagnostics: Iterable[Diagnostic]) -> NoReturn:
    """Raise the refusal of a folder."""
    raise FilesRefusedError(f"the shop folder `{folder}`", in_order(diagnostics))


def version_of(shop: Shop) -> str:
    """Return the hash of what a shop means: the same for any order of lines, entries and fields.

    Customers are left out: their facts have versions of their own, and change daily where prices do not.
    """
    content = replace(shop, version="", customers={})
    packed = orjson.dumps(content, default=_sorted, option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(_VERSION_FORM + packed, digest_size=16).hexdigest()


def _sorted(value: Any) -> list[str]:
    if isinstance(value, frozenset):
        return sorted(value)
    raise TypeError(type(value).__name__)


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Keep the cycle collector from walking a growing catalogue again and again: it doubles the time of a load."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _silent(_file: str, _done: int, _total: int) -> None:
    """Tell nobody."""


def _read(folder: Folder, progress: Progress) -> Shop | None:
    """Read everything that can be read, so that every fault is found; None where there is no shop to speak of."""
    places = read_places(folder)
    check_places(places)
    layouts = layouts_of(places.labels)
    check_label_currencies(places.labels, places.stores)
    price_lists = price_lists_of(places)
    catalogue = read_products(folder, places, layouts, progress)
    prices = read_prices(folder, places, price_lists, catalogue, progress)
    customers = read_customers(folder, _default_zone(places), progress)
    adjustments = read_adjustments(folder)
    if catalogue is not None:
        _check_rates(places, catalogue)
    if places.shop is None or places.shop.wrong or catalogue is None:
        return None
    model = places.shop.model
    return Shop(
        id=model.id,
        name=model.name,
        version="",
        locales=model.locales,
        default_channel=ChannelId(model.default_channel),
        default_store=StoreId(model.default_store),
        tax_rounding=model.tax_rounding,
        channels=channels_of(places.channels),
        stores=stores_of(places.stores),
        ranges=ranges_of(places.ranges),
        products=catalogue.products,
        by_gtin=catalogue.by_gtin,
        by_label_item=catalogue.by_label_item,
        prices=prices,
        taxes=taxes_of(places.taxes),
        delivery_methods=methods_of(places.delivery),
        fees=fees_of(places.fees),
        options=options_of(places.options),
        label_layouts=layouts,
        customers=customers,
        adjustments=adjustments,
        merge_policy=MergePolicy(model.merge),
    )


def _default_zone(places: Places) -> ZoneInfo:
    store = places.stores.entries.get(places.shop.model.default_store) if places.shop else None
    return ZoneInfo(store.model.timezone if store else "UTC")


def _check_rates(places: Places, catalogue: Catalogue) -> None:
    """Note, once for each, the tax categories in use that have no rate in a country with a store."""
    used = dict(catalogue.tax_categories)
    for fee in places.fees.entries.values():
        used.setdefault(fee.model.tax_category, f"fees.yaml:{fee.node.span.line}")
    known = places.tax_categories() or frozenset()
    for country in {store.country for store in places.stores.models()}:
        tax = places.taxes.entries.get(country)
        if tax is None:
            continue
        for category in known & used.keys() - tax.model.rates.keys():
            message = f"`{country}` has no rate for `{category}`, which `{used[category]}` uses"
            tax.fault("missing_rate", message, "rates", help=f"add `{category}: …%` to the rates of `{country}`")
