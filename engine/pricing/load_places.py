"""The YAML files of a shop folder: channels, stores, tax, ranges, price lists, delivery, fees, options, labels."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from engine.money import exponent_of
from engine.pricing.barcodes import LABEL_LENGTH, LABEL_PREFIXES
from engine.pricing.load_files import Entry, Folder, Section
from engine.pricing.load_models import (
    COUNTRIES,
    ChannelModel,
    DeliveryModel,
    FeeModel,
    Labelled,
    LabelModel,
    OptionModel,
    PriceListModel,
    RangeModel,
    ShopModel,
    StoreModel,
    TaxModel,
)
from engine.pricing.pricebook import PriceList
from engine.pricing.shop import (
    Channel,
    DeliveryFee,
    DeliveryMethod,
    Fee,
    LabelLayout,
    Option,
    Range,
    Store,
    TaxRules,
)
from engine.types import ChannelId, InstantMs, PriceListId, StoreId

CORE_RANGE = "core"
"""The range of products that name none: sold everywhere."""
TAX_LIKE_GOODS = "goods"
"""What ``tax.yaml`` says where the tax on delivery follows the goods."""
_WEIGHT_DECIMALS_MAX = 3
_PATTERN = re.compile(r"(?P<prefix>P+)X*(?P<first>I+|V+)X*(?P<second>I+|V+)X*C")


@dataclass(frozen=True, slots=True)
class Places:
    """Every YAML file of a folder, read but not yet compared with each other."""

    shop: Entry[ShopModel] | None
    channels: Section[ChannelModel]
    stores: Section[StoreModel]
    taxes: Section[TaxModel]
    ranges: Section[RangeModel]
    price_lists: Section[PriceListModel]
    delivery: Section[DeliveryModel]
    fees: Section[FeeModel]
    options: Section[OptionModel]
    labels: list[Entry[LabelModel]]

    def tax_categories(self) -> frozenset[str] | None:
        """Return every category that has a rate somewhere; None where ``tax.yaml`` has faults of its own."""
        if not self.taxes.complete():
            return None
        return frozenset(category for rules in self.taxes.models() for category in rules.rates)

    def store_groups(self) -> frozenset[str] | None:
        """Return every group that a store is in; None where ``stores.yaml`` has faults of its own."""
        if not self.stores.complete():
            return None
        return frozenset(group for store in self.stores.models() for group in store.groups)


def read_places(folder: Folder) -> Places:
    """Read every YAML file and note what is wrong within each."""
    return Places(
        shop=folder.entry("shop.yaml", ShopModel),
        channels=folder.entries("channels.yaml", "channels", "channel", ChannelModel, needed=True),
        stores=folder.entries("stores.yaml", "stores", "store", StoreModel, needed=True),
        taxes=folder.entries_by_key("tax.yaml", "countries", "country", TaxModel),
        ranges=folder.entries("ranges.yaml", "ranges", "range", RangeModel, needed=False),
        price_lists=folder.entries("price_lists.yaml", "price_lists", "price list", PriceListModel, needed=True),
        delivery=folder.entries("delivery.yaml", "methods", "delivery method", DeliveryModel, needed=False),
        fees=folder.entries("fees.yaml", "fees", "fee", FeeModel, needed=False),
        options=folder.entries("options.yaml", "options", "option", OptionModel, needed=False),
        labels=folder.list_of("labels.yaml", "labels", LabelModel),
    )


def check_places(places: Places) -> None:
    """Note every mention of something that is nowhere declared, and what contradicts itself."""
    _check_shop(places)
    _check_labels(places)
    for channel in places.channels.all():
        if channel.model.store is not None:
            places.stores.check(channel, channel.model.store, "store")
    for store in places.stores.all():
        _check_country(store, places)
    for tax in places.taxes.all():
        _check_tax(tax)
    for range_ in places.ranges.all():
        _check_range(range_, places)
    for method in places.delivery.all():
        _check_method(method, places)
    for fee in places.fees.all():
        _check_fee(fee, places)
    for option in places.options.all():
        _check_option(option)


def _check_shop(places: Places) -> None:
    shop = places.shop
    if shop is None:
        return
    places.channels.check(shop, shop.model.default_channel, "default_channel")
    places.stores.check(shop, shop.model.default_store, "default_store")
    for index, locale in enumerate(shop.model.locales):
        if locale in shop.model.locales[:index]:
            shop.fault("duplicate_locale", f"`{locale}` is there twice", "locales", index, help="keep one of the two")


def _check_labels(places: Places) -> None:
    """Note texts in a locale that the shop does not serve: nobody would ever read them."""
    if places.shop is None or "locales" in places.shop.wrong:
        return
    served = {*places.shop.model.locales, *(locale.partition("-")[0] for locale in places.shop.model.locales), ""}
    labelled: list[Section[Labelled]] = [
        places.channels,
        places.stores,
        places.delivery,
        places.fees,
        places.options,
    ]
    for section in labelled:
        for entry in section.all():
            for locale in entry.model.label.keys() - served:
                help_ = entry.report.nearest(locale, served - {""}, "add it to `locales` in `shop.yaml`")
                entry.key_fault(
                    "unknown_locale", f"`{locale}` is not a locale of the shop", "label", locale, help=help_
                )


def _check_country(store: Entry[StoreModel], places: Places) -> None:
    country = store.model.country
    if places.taxes.ids is not None and country not in places.taxes.ids:
        message = f"`{country}` has no tax rates"
        store.fault("country_without_tax", message, "country", help=f"add `{country}:` to `tax.yaml`")


def _check_tax(tax: Entry[TaxModel]) -> None:
    if tax.id is not None and tax.id not in COUNTRIES:
        span = tax.node.span
        help_ = "write two capital letters such as FR"
        tax.report.add(tax.source.diagnostic("invalid_country", f"`{tax.id}` is not a country", span, help_))
    category = tax.model.delivery
    if category != TAX_LIKE_GOODS and category not in tax.model.rates and "rates" not in tax.wrong:
        help_ = tax.report.nearest(category, tax.model.rates, f"give it a rate, or write `{TAX_LIKE_GOODS}`")
        tax.fault("unknown_tax_category", f"`{category}` has no rate in `{tax.id}`", "delivery", help=help_)


def _check_range(range_: Entry[RangeModel], places: Places) -> None:
    if range_.model.id == CORE_RANGE:
        message = f"`{CORE_RANGE}` is sold everywhere and cannot be declared"
        range_.fault("reserved_id", message, "id", help="give this range another id")
    places.channels.check_all(range_, range_.model.channels, "channels")
    places.stores.check_all(range_, range_.model.stores, "stores")


def _check_method(method: Entry[DeliveryModel], places: Places) -> None:
    places.channels.check_all(method, method.model.channels, "channels")
    for index, fee in enumerate(method.model.fees):
        for place, slot in enumerate(fee.slots):
            if slot not in method.model.slots and "slots" not in method.wrong:
                help_ = method.report.nearest(
                    slot, frozenset(method.model.slots), "declare it in `slots:` of the method"
                )
                message = f"`{slot}` is not a slot of `{method.model.id}`"
                method.fault("unknown_slot", message, "fees", index, "slots", place, help=help_)


def _check_fee(fee: Entry[FeeModel], places: Places) -> None:
    categories = places.tax_categories()
    category = fee.model.tax_category
    if categories is not None and category not in categories:
        help_ = fee.report.nearest(category, categories, "give it a rate in `tax.yaml`")
        fee.fault("unknown_tax_category", f"`{category}` has no rate in `tax.yaml`", "tax_category", help=help_)


def _check_option(option: Entry[OptionModel]) -> None:
    if option.wrong & {"values", "text"}:
        return
    if (option.model.values is None) == (option.model.text is None):
        message = f"`{option.model.id}` must have either `values` or `text`"
        option.fault("invalid_option", message, "id", help="name the values, or allow a text, not both")
    elif option.model.values == {}:
        option.fault("invalid_option", f"`{option.model.id}` has no values", "values", help="name at least one")


def channels_of(section: Section[ChannelModel]) -> Mapping[ChannelId, Channel]:
    """Build the channels."""
    return {
        ChannelId(model.id): Channel(ChannelId(model.id), model.label, StoreId(model.store) if model.store else None)
        for model in section.models()
    }


def stores_of(section: Section[StoreModel]) -> Mapping[StoreId, Store]:
    """Build the stores."""
    return {
        StoreId(model.id): Store(
            StoreId(model.id), model.label, model.country, model.currency, model.timezone, model.groups
        )
        for model in section.models()
    }


def taxes_of(section: Section[TaxModel]) -> Mapping[str, TaxRules]:
    """Build the tax rules by country."""
    return {
        country: TaxRules(
            country=country,
            included=entry.model.included,
            rates_ppm=entry.model.rates,
            delivery_category=None if entry.model.delivery == TAX_LIKE_GOODS else entry.model.delivery,
        )
        for country, entry in section.entries.items()
    }


def ranges_of(section: Section[RangeModel]) -> Mapping[str, Range]:
    """Build the ranges, with the one that needs no declaration."""
    declared = {
        model.id: Range(model.id, _channel_ids(model.channels), _store_ids(model.stores)) for model in section.models()
    }
    return {CORE_RANGE: Range(CORE_RANGE), **declared}


def methods_of(section: Section[DeliveryModel]) -> Mapping[str, DeliveryMethod]:
    """Build the delivery methods."""
    return {
        model.id: DeliveryMethod(
            id=model.id,
            label=model.label,
            fees=tuple(DeliveryFee(fee.amount, fee.places, fee.slots) for fee in model.fees),
            slots=model.slots,
            channels=_channel_ids(model.channels),
            countries=None if model.countries is None else frozenset(model.countries),
        )
        for model in section.models()
    }


def fees_of(section: Section[FeeModel]) -> Mapping[str, Fee]:
    """Build the fees that a shopper may choose."""
    return {model.id: Fee(model.id, model.label, model.amount, model.tax_category) for model in section.models()}


def options_of(section: Section[OptionModel]) -> Mapping[str, Option]:
    """Build the options on a line."""
    return {model.id: _option(model) for model in section.models()}


def _option(model: OptionModel) -> Option:
    if model.text is not None:
        return Option(model.id, model.label, {"": model.text.surcharge}, model.text.length_max)
    return Option(model.id, model.label, model.values or {})


def price_lists_of(places: Places) -> Mapping[str, PriceList]:
    """Build the price lists by id, and note what they mention that is not there."""
    groups = places.store_groups()
    lists = {}
    for entry in places.price_lists.all():
        model = entry.model
        places.channels.check_all(entry, model.channels, "channels")
        places.stores.check_all(entry, model.stores, "stores")
        for index, group in enumerate(model.store_groups):
            if groups is not None and group not in groups:
                help_ = entry.report.nearest(group, groups, "put a store of `stores.yaml` into it")
                message = f"`{group}` is not a group of stores"
                entry.fault("unknown_store_group", message, "store_groups", index, help=help_)
        from_ms, until_ms = _period(entry)
        if entry.wrong:
            continue
        lists[model.id] = PriceList(
            id=PriceListId(model.id),
            currency=model.currency,
            tax_included=model.tax == "included",
            channels=_channel_ids(model.channels) or frozenset(),
            stores=_store_ids(model.stores) or frozenset(),
            store_groups=frozenset(model.store_groups),
            tiers=frozenset(model.tiers),
            segments=frozenset(model.segments),
            from_ms=from_ms,
            until_ms=until_ms,
            priority=model.priority,
        )
    return lists


def _period(entry: Entry[PriceListModel]) -> tuple[InstantMs | None, InstantMs | None]:
    """Return the first instant and the exclusive end of a price list."""
    model, zone = entry.model, ZoneInfo(entry.model.timezone)
    from_ms = model.from_.starts_ms(zone) if model.from_ else None
    until_ms = model.until.ends_ms(zone) if model.until else None
    # As written: on the night when the clocks skip an hour, a list may begin and end at the same instant.
    if model.from_ and model.until and model.from_.starts_local() >= model.until.ends_local():
        message = f"`{model.until}` is not after `{model.from_}`: this list would never hold"
        entry.fault("empty_period", message, "until", help="swap the two, or write a later end")
    return from_ms, until_ms


def layouts_of(entries: Iterable[Entry[LabelModel]]) -> tuple[LabelLayout, ...]:
    """Build the label layouts in the order of their prefixes, and note what is wrong with them."""
    layouts = []
    taken: dict[str, int] = {}
    for entry in entries:
        for index, prefix in enumerate(() if "prefixes" in entry.wrong else entry.model.prefixes):
            _check_prefix(entry, index, prefix, taken)
        layout = _layout(entry)
        if layout is not None:
            layouts.append(layout)
    return tuple(sorted(layouts, key=lambda layout: layout.prefixes))


def _check_prefix(entry: Entry[LabelModel], index: int, prefix: str, taken: dict[str, int]) -> None:
    if prefix not in LABEL_PREFIXES:
        message = f"`{prefix}` is not a prefix for labels of a shop"
        entry.fault("invalid_prefix", message, "prefixes", index, help="write 02, or 20 to 29")
    elif prefix in taken:
        message = f"the prefix `{prefix}` is there twice, first on line {taken[prefix]}"
        entry.fault("duplicate_prefix", message, "prefixes", index, help="one prefix has one layout")
    taken.setdefault(prefix, entry.node.place_of(("prefixes", index)).line)


def _layout(entry: Entry[LabelModel]) -> LabelLayout | None:
    model = entry.model
    match = _PATTERN.fullmatch(model.pattern) if len(model.pattern) == LABEL_LENGTH else None
    if match is None or len(match["prefix"]) != 2 or match["first"][0] == match["second"][0]:
        entry.fault(
            "invalid_pattern",
            f"`{model.pattern}` is not the pattern of a label",
            "pattern",
            help=f"write {LABEL_LENGTH} characters like PPIIIIIVVVVVC: PP, a run of I, a run of V, C last; X ignored",
        )
        return None
    if entry.wrong:
        return None
    _check_value(entry, match)
    item, value = ("first", "second") if match["first"][0] == "I" else ("second", "first")
    return LabelLayout(
        prefixes=tuple(sorted(model.prefixes)),
        item=match.span(item),
        value=match.span(value),
        value_kind=model.value,
        decimals=model.decimals,
        currency=model.currency,
    )


def _check_value(entry: Entry[LabelModel], match: re.Match[str]) -> None:
    model = entry.model
    if (model.value == "price") != (model.currency is not None):
        message = "a price needs a currency" if model.value == "price" else "a weight has no currency"
        help_ = "add `currency:`" if model.value == "price" else "take `currency:` out"
        entry.fault("invalid_label", message, "value", help=help_)
        return
    digits = model.pattern.count("V")
    most = min(digits, exponent_of(model.currency) if model.currency else _WEIGHT_DECIMALS_MAX)
    if model.decimals > most:
        message = f"{model.decimals} decimals are too many for this {model.value}"
        entry.fault("invalid_label", message, "decimals", help=f"at most {most}")


def check_label_currencies(labels: Iterable[Entry[LabelModel]], stores: Section[StoreModel]) -> None:
    """Note labels whose prices no store could take."""
    currencies = {store.currency for store in stores.models()}
    for entry in labels if currencies and stores.complete() else ():
        if entry.model.currency is not None and entry.model.currency not in currencies:
            message = f"no store sells in `{entry.model.currency}`"
            entry.fault("unused_currency", message, "currency", help="write the currency of a store")


def _channel_ids(ids: Iterable[str] | None) -> frozenset[ChannelId] | None:
    return None if ids is None else frozenset(map(ChannelId, ids))


def _store_ids(ids: Iterable[str] | None) -> frozenset[StoreId] | None:
    return None if ids is None else frozenset(map(StoreId, ids))
