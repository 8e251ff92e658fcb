"""A small shop folder for tests, and how to change one file of it."""

from collections.abc import Mapping
from pathlib import Path

from engine.pricing.load import load_shop
from engine.pricing.shop import Shop

FILES: Mapping[str, str] = {
    "shop.yaml": """\
id: corner
name: The Corner Shop
locales: [en, fr]
default_channel: web
default_store: north
""",
    "channels.yaml": """\
channels:
  - {id: web, label: Web shop}
  - {id: app, label: {en: App, fr: Application}}
  - {id: pos, label: Till, store: south}
""",
    "stores.yaml": """\
stores:
  - {id: north, label: North, country: FR, currency: EUR, timezone: Europe/Paris, groups: [city]}
  - {id: south, label: South, country: FR, currency: EUR, timezone: Europe/Paris}
""",
    "tax.yaml": """\
countries:
  FR:
    included: true
    rates: {food: 5.5%, standard: 20%}
    delivery: standard
""",
    "products.csv": """\
sku,name,category,tax_category,unit,range,gtin,label_item,tags,never_discount,packs,substitutes,options,brand
milk,Milk 1 l,grocery/dairy/milk,food,,,4006381333931,,fresh daily,,milk-6:6,oat,,Farm
milk-6,Milk 6 x 1 l,grocery/dairy/milk,food,,extended,012345678905,,fresh,,,,,Farm
oat,Oat drink,grocery/dairy/plant,food,,,,,vegan,,,,,Oats
ham,Ham,grocery/meat,food,kg,,,01234,fresh,,,,cut,
cake,Birthday cake,grocery/bakery,food,,big,,,,,,,message cut,
gift,Gift card,gifts,standard,,hidden,,01235,,yes,,,,
""",
    "price_lists.yaml": """\
price_lists:
  - {id: base, currency: EUR, tax: included}
  - {id: promo, currency: EUR, tax: included, from: 2026-03-28, until: 2026-03-29, timezone: Europe/Paris}
  - {id: gold, currency: EUR, tax: included, tiers: [gold]}
""",
    "prices.csv": """\
price_list,sku,amount,from_quantity
base,milk,1.20,
base,milk,1.10,6
base,milk-6,6.00,
base,oat,2.40,
base,ham,19.90,
base,ham,17.90,1.5
base,cake,25,
base,gift,50.00,
promo,milk,0.99,
gold,oat,2.20,
""",
    "ranges.yaml": """\
ranges:
  - {id: extended, channels: [web, app]}
  - {id: big, stores: [south]}
  - {id: hidden, channels: []}
""",
    "delivery.yaml": """\
methods:
  - id: home
    label: Home delivery
    slots: [day, evening]
    channels: [web, app]
    countries: [FR]
    fees:
      - {amount: 5.90 EUR}
      - {places: ["75"], slots: [evening], amount: 4.90 EUR}
  - id: pickup
    label: Pick up
    fees:
      - {amount: 0 EUR}
""",
    "fees.yaml": """\
fees:
  - {id: gift-wrap, label: Gift wrap, amount: 2.50 EUR, tax_category: standard}
""",
    "options.yaml": """\
options:
  - id: cut
    label: Cut
    values: {whole: 0 EUR, sliced: 0.30 EUR}
  - id: message
    label: Message on the cake
    text: {length_max: 20, surcharge: 2.00 EUR}
""",
    "labels.yaml": """\
labels:
  - prefixes: ["21", "02"]
    pattern: PPIIIIIVVVVVC
    value: weight
    decimals: 3
  - prefixes: ["22"]
    pattern: PPIIIIIXVVVVC
    value: price
    decimals: 2
    currency: EUR
""",
    "adjustments.yaml": """\
floor: cost
reasons:
  - {id: damaged, label: {en: Damaged goods, fr: Abîmé}, kinds: [amount, percent]}
  - {id: match, label: Price match, kinds: [price]}
roles:
  - {id: clerk, max_percent: 20%, max_amount: 5 EUR}
  - {id: manager, max_percent: 50%, may_set_price: yes}
default_role: clerk
""",
    "customers.csv": """\
id,tier,segments,first_order,points
ada,gold,family vegan,2024-02-29,120
ben,,,,
""",
}


def write_shop(folder: Path, changes: Mapping[str, str | None] | None = None) -> Path:
    """Write the small shop; `changes` replaces whole files, and None leaves one out."""
    for name, text in {**FILES, **(changes or {})}.items():
        if text is not None:
            (folder / name).write_text(text, encoding="utf-8")
    return folder


def small_shop(folder: Path, changes: Mapping[str, str | None] | None = None) -> Shop:
    """Write and load the small shop."""
    return load_shop(write_shop(folder, changes))
