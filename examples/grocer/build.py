"""Build the grocer, a shop folder made from the open retail data set The Complete Journey.

Run `python examples/grocer/build.py` with the `dev` extra installed. It writes `products.csv`, `prices.csv`,
`customers.csv`, `rules/coupons/` and `baskets.jsonl`, the same bytes on each run, and leaves every other file of the
folder alone: those are written by hand. `README.md` says where each column comes from and what is a guess.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zlib import crc32
from zoneinfo import ZoneInfo

import pandas as pd
from catalogue import (
    DATA_ZONE,
    GROUPS,
    HERE,
    STORE_ZONES,
    STORES,
    add_cases,
    amount,
    choose_products,
    describe,
    lowest,
    price_lists,
    price_rows,
    read,
    read_lines,
    redeemed_products,
    write_csv,
    write_products,
)
from rich.console import Console
from rich.table import Table
from vocabulary import plain_words

from engine.rules.layout import formatted
from engine.source import Source

COUPON_FOLDER = HERE / "rules" / "coupons"
PLACES = {
    **dict.fromkeys(STORES, ("45202", "45219", "45208", "45040")),
    **dict.fromkeys((356, 424), ("60614", "60657", "53202")),
    31782: ("170150", "170515", "171103"),
    32004: ("010101", "010205"),
}

TIERS = ((4400, "gold"), (2200, "silver"), (600, "member"))
"""Spend in the data's year, in USD, from which a household has the tier; about 10, 20 and 40 % of them."""

BASKETS = 1250
BASKETS_WITH_COUPONS = 750
MIN_KEPT_SHARE = 0.6

console = Console()

CHANNELS_SMALL = (("pos", 62), ("selfscan", 10), ("kiosk", 5), ("associate", 4), ("web", 6), ("app", 7), ("drive", 4),
                  ("tv", 1), ("marketplace", 1))  # fmt: skip
CHANNELS_LARGE = (("pos", 30), ("selfscan", 7), ("kiosk", 2), ("associate", 3), ("web", 22), ("app", 20), ("drive", 12),
                  ("tv", 2), ("marketplace", 2))  # fmt: skip


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
        name = f"campaign-{campaign:02d}.yaml"
        (COUPON_FOLDER / name).write_text(formatted(Source(name, text)), encoding="utf-8")


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
        f"        on: {{sku: [{', '.join(coupon.skus)}]}}\n" + coupon_example(coupon, floor)
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
