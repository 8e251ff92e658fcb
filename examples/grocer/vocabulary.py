"""What the data set's abbreviated words mean, and which of its categories the law or the shop treats in a special way.

Used by `build.py` only. The tables are judgements of ours; the data set explains none of its words.
"""

import re

WORDS = {
    "ADLT": "adult", "BA": "bags", "BG": "bag", "BKD": "baked", "BN": "beans", "BR": "bread", "BRD": "breaded",
    "BRKFST": "breakfast", "BTL": "bottle", "BTR": "butter", "CAR": "carbonated", "CARB": "carbonated",
    "CATFD": "cat food", "CHIX": "chicken", "CHICK": "chicken", "CHOC": "chocolate", "CHOCOCLATE": "chocolate",
    "CKE": "cake", "CKYS": "cookies", "CLEANG": "cleaning", "CND": "canned", "CNDY": "candy", "COMBINATIONS": "combos",
    "CONC": "concentrate", "CRBNTD": "carbonated", "CRKR": "crackers", "CRMD": "creamed", "CRYSTL": "crystal",
    "DAN": "danish", "DECOR": "decor", "DISPOSIBLE": "disposable", "DNR": "dinner", "DNRS": "dinners",
    "DOGFD": "dog food", "DRNK": "drink", "DRNKNG": "drinking", "DRNKING": "drinking", "DRNKS": "drinks",
    "DRSNG": "dressing",
    "DSH": "dishes", "ET": "and more", "EX": "except", "EXCP": "except", "FD": "food", "FDS": "food", "FEM": "feminine",
    "FLVR": "flavor", "FLVRD": "flavored", "FOWL": "fowl", "FRD": "fried", "FRE": "fresh", "FRZ": "frozen",
    "FRZN": "frozen", "FS": "french style", "GDS": "goods", "GM": "general", "GRND": "ground",
    "HANDKE": "handkerchiefs",
    "HBC": "care", "HYGN": "hygiene", "INCL": "included", "IQF": "quick frozen", "IWS": "wrapped", "JCE": "juice",
    "LTR": "lighter", "MALTED": "malted", "MAY": "mayonnaise", "MISC": "other", "MISCELLANEOUS": "other",
    "MINERAL": "mineral", "MLK": "milk", "MLT": "multi", "MNERAL": "mineral", "MNR": "mineral", "MNRL": "mineral",
    "MW": "microwave", "MXS": "mixes", "MX": "mix", "MUSTAR": "mustard", "NAPKIN": "napkins", "OJ": "orange juice",
    "OV": "over half", "OVE": "over half", "PCKGD": "packaged", "PK": "pack", "PKG": "packaged", "PKLD": "pickled",
    "PLSTC": "plastic", "PLUOTS": "pluots", "PNCH": "punch", "PNT": "peanut", "PORTON": "portion", "PPK": "prepack",
    "PREM": "premium", "PREP": "prepared", "PROTIEN": "protein", "PWDR": "powder", "PWDRS": "powders",
    "REFIGERATED": "refrigerated", "REFRGRATD": "refrigerated", "REFRIG": "refrigerated", "REG": "regular",
    "RTS": "ready to serve", "RW": "raw", "SALD": "salad", "SAL": "salad", "SAUS": "sausage", "SECT": "sections",
    "SFT": "soft", "SGL": "single", "SHERBTS": "sherbets", "SNDWCH": "sandwich", "SNGL": "single", "SNKS": "snacks",
    "SPECILATY": "specialty", "SPLY": "supply", "SPRD": "spreads", "SRV": "serve", "SS": "single serve",
    "SUPPPLIES": "supplies", "SV": "serve", "SW": "sweet", "SWEETNERS": "sweeteners", "TISS": "tissues",
    "TISSUE": "tissue", "TORT": "tortilla", "TRSH": "trash", "VAC": "vacuum", "VEG": "vegetables", "VEND": "vending",
    "WATE": "water", "WHL": "whole", "WHLSM": "wholesome", "WRA": "wraps", "WT": "weight", "WTR": "water",
    "CILANTO": "cilantro", "SUBS": "substitutes", "SUP": "super", "DRIED": "dried", "PAC": "pack", "COOKI": "cookies",
    "PRODUC": "produce", "ACTIVATI": "activation", "CHOCOLA": "chocolate", "WHISKEY": "whiskey", "CRSTDAS": "crostatas",
}  # fmt: skip
"""Abbreviations, and words cut off by the data set's 30-character fields."""

DEPARTMENTS = {
    "DRUG GM": "drug-general",
    "MEAT-PCKGD": "packaged-meat",
    "SEAFOOD-PCKGD": "packaged-seafood",
}

VAGUE = frozenset(
    [
        "MAINSTREAM", "TRADITIONAL", "PREMIUM", "FRESH", "OTHER", "LEAN", "ECONOMY", "VALUE", "DRY", "RED",
        "INTERNAL", "PRIMAL", "POULTRY", "TREATS", "MISC", "MICROWAVE", "BLENDS", "PAILS", "BUTTS", "RIBS", "HAM",
        "LOAVE", "BETTER", "SELECT", "CHOICE", "SUPER", "LOIN", "LINKS", "PATTIES", "KITS", "REGULAR", "GARDEN",
        "SMOKED/COOKED", "PRE-COOKED", "STICKS/ENROBED", "FLAVORED/OTHER", "ENHANCED", "SEASONED", "NATURAL",
        "VARIETY", "SPECIALTY", "KOSHER/SPECIALTY", "BITS", "ENTREES", "ALL", "PIZZA/PREMIUM", "CUBED", "CUPS/PUSH",
        "SINGLE", "PRODUCE", "MULTI", "MULTI-PACK",
    ]
)  # fmt: skip
"""First words of product types that say nothing without their category."""

DROPPED_DEPARTMENTS = frozenset(
    [
        "FUEL", "MISCELLANEOUS", "COUPON", "TRAVEL & LEISURE", "CHEF SHOPPE", "RESTAURANT", "PHOTO & VIDEO",
        "CNTRL/STORE SUP", "POSTAL CENTER", "PROD-WHS SALES", "GM MERCH EXP", "ELECT &PLUMBING", "TOYS",
        "AUTOMOTIVE", "FROZEN GROCERY",
    ]
)  # fmt: skip
DROPPED_CATEGORIES = frozenset(
    ["COUPON/MISC ITEMS", "COUPONS/STORE & MFG", "DELI SUPPLIES", "OVERNIGHT PHOTOFINISHING"]
)

GIFT_CARD_TYPES = frozenset(["ELECTRONIC GIFT CARDS ACTIVATI", "OUTSIDE VENDORS GIFT CARDS", "MASTERCARD GIFT CARD"])
TOBACCO_TYPES = frozenset(["CIGARETTES", "CIGARS", "CHEWING TOBACCO", "SMOKING TOBACCO", "SNUFF"])
FORMULA_TYPES = re.compile(r"^INFANT FORMULA (MILK BASE|SOY BASE|SPECIALTY|TODDLER)$")
PREPAID_CATEGORIES = frozenset(["TICKETS", "PREPAID WIRELESS&ACCESSORIES"])

ALCOHOL_CATEGORIES = frozenset(["BEERS/ALES", "DOMESTIC WINE", "IMPORTED WINE", "LIQUOR", "MISC WINE", "COOLERS"])
DRINK_CATEGORIES = frozenset(["SOFT DRINKS", "ISOTONIC DRINKS", "WATER - CARBONATED/FLVRD DRINK", "NEW AGE"])
PREPARED_CATEGORIES = frozenset(["SALAD BAR", "CHICKEN/POULTRY", "PREPARED FOOD", "SANDWICHES", "PARTY TRAYS"])
PAPER_CATEGORIES = frozenset(["NEWSPAPER", "MAGAZINE"])
BASIC_CATEGORIES = frozenset(
    [
        "FLUID MILK PRODUCTS", "EGGS", "FLOUR & MEALS", "SUGARS/SWEETNERS", "SHORTENING/OIL", "MARGARINES", "BUTTER",
        "BAKED BREAD/BUNS/ROLLS", "DRY BN/VEG/POTATO/RICE", "DRY NOODLES/PASTA", "BREAD", "ROLLS", "BABY FOODS",
        "SEAFOOD-FRESH", "BEEF", "CHICKEN", "PORK", "TURKEY", "CHEESE", "CHEESES", "CANNED MILK",
    ]
)  # fmt: skip
"""Staples: taxed at 0 % in both countries. Fresh produce is added by department."""
FOOD_IN_DRUG = frozenset(["CANDY - CHECKLANE", "CANDY - PACKAGED", "INFANT FORMULA", "BABY FOODS"])
NON_FOOD_IN_GROCERY = frozenset(
    [
        "AIR CARE", "BATH TISSUES", "BLEACH", "CAT FOOD", "CAT LITTER", "DOG FOODS", "DISHWASH DETERGENTS",
        "FACIAL TISS/DNR NAPKIN", "FD WRAPS/BAGS/TRSH BG", "HOUSEHOLD CLEANG NEEDS", "LAUNDRY ADDITIVES",
        "LAUNDRY DETERGENTS", "PAPER HOUSEWARES", "PAPER TOWELS", "INSECTICIDES", "BIRD SEED", "BOTTLE DEPOSITS",
    ]
)  # fmt: skip
NON_FOOD_DEPARTMENTS = frozenset(["DRUG GM", "COSMETICS", "FLORAL", "GARDEN CENTER"])

TYPICAL_POUNDS = {
    "DELI MEATS": 0.75,
    "CHEESES": 0.75,
    "SALADS/DIPS": 1.0,
    "SEAFOOD-FRESH": 1.0,
    "TROPICAL FRUIT": 2.0,
    "APPLES": 2.0,
    "GRAPES": 2.0,
    "STONE FRUIT": 1.5,
    "PEARS": 1.5,
    "TOMATOES": 1.25,
    "POTATOES": 2.0,
    "SQUASH": 1.25,
    "ONIONS": 1.25,
    "PEPPERS-ALL": 0.75,
}
"""Categories whose loose goods we sell by the pound, and the guess of what one line of the data weighs."""
BULK_DELI = re.compile(r"BULK")
PRICE_LABELLED = frozenset(["BEEF", "CHICKEN", "PORK", "TURKEY"])


def plain_words(text: str) -> str:
    """Return a field of the data set in whole, lower-case words: `FRZN ICE` -> `frozen ice`."""
    text = re.sub(r"\([^)]*\)?|W/|&", " ", text)
    text = re.sub(r"(\d+)&(\d+)", r"\1 \2", text)
    words = re.findall(r"[A-Z0-9%.']+", text.upper())
    found = list(dict.fromkeys(WORDS.get(word, word.lower()) for word in words))
    # The data set cuts its fields at 30 characters; one letter of a word is no help.
    while len(found) > 1 and (len(found[-1]) == 1 or found[-1] == "except"):
        found.pop()
    return " ".join(found).strip(" .")


def slug(text: str) -> str:
    """Return a category name as a path part: `FRZN ICE` -> `frozen-ice`."""
    return re.sub(r"[^a-z0-9]+", "-", plain_words(text)).strip("-") or "other"
