"""What staff may change by hand: the file that says so, what is refused at once, and the warnings."""

from pathlib import Path

import pytest

from engine.errors import FilesRefusedError, RefusedError
from engine.pricing.admission_adjustments import admit_adjustment
from engine.pricing.basket import build_basket
from engine.pricing.load import load_shop
from engine.pricing.notices import notices_of
from engine.pricing.requests import AdjustmentRequest, Limits
from engine.pricing.shop import Shop
from engine.rules.evaluate import evaluate
from engine.rules.ruleset import compile_ruleset
from engine.types import AdjustmentId, Currency, InstantMs, Sku
from tests.carts import basket_of, cart_of
from tests.shops import FILES, small_shop, write_shop

CASES_SHOP = Path(__file__).parent / "cases" / "shop"
GOOD = FILES["adjustments.yaml"]


def faults(folder: Path, **changes: str) -> list[tuple[str, int, str]]:
    names = {"adjustments": "adjustments.yaml", "products": "products.csv"}
    with pytest.raises(FilesRefusedError) as refused:
        load_shop(write_shop(folder, {names[name]: text for name, text in changes.items()}))
    return [(fault.code, fault.span.line, fault.help) for fault in refused.value.diagnostics]


def test_the_file_is_read(tmp_path: Path) -> None:
    rules = small_shop(tmp_path).adjustments
    assert rules.floor_is_cost
    assert set(rules.reasons) == {"damaged", "match"}
    assert rules.most_minor("clerk", 1000, Currency("EUR")) == 200
    assert rules.most_minor("clerk", 100_000, Currency("EUR")) == 500
    assert rules.most_minor("clerk", 1000, Currency("USD")) == 0
    assert rules.most_minor("manager", 1001, Currency("USD")) == 501
    assert rules.most_minor("nobody", 1000, Currency("EUR")) == 0
    assert (rules.may_set_price("clerk"), rules.may_set_price("manager")) == (False, True)


def test_it_counts_in_the_version_of_the_shop(tmp_path: Path) -> None:
    first = small_shop(tmp_path)
    other = small_shop(tmp_path, {"adjustments.yaml": GOOD.replace("20%", "21%")})
    assert first.version != other.version


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("default_role: clerk", "default_role: clerc", ("unknown_role", 8, "did you mean `clerk`?")),
        ("id: manager", "id: clerk", ("duplicate_id", 7, "give one of the two another id")),
        ("kinds: [price]", "kinds: [prize]", ("invalid_value", 4, "")),
        ("floor: cost", "floor: none", ("invalid_value", 1, "")),
        ("max_percent: 20%", "max_percent: 120%", ("invalid_percent", 6, "write it like 12.5%")),
        ("may_set_price: yes", "may_set_prize: yes", ("unknown_field", 7, "did you mean `may_set_price`?")),
    ],
)
def test_faults_of_the_file_have_their_place(
    tmp_path: Path, old: str, new: str, expected: tuple[str, int, str]
) -> None:
    [(code, line, help_)] = faults(tmp_path, adjustments=GOOD.replace(old, new))
    assert (code, line) == expected[:2]
    assert expected[2] in help_


def test_cost_and_regulated_minimum_are_amounts(tmp_path: Path) -> None:
    header = "sku,name,category,tax_category,cost,regulated_minimum\n"
    prices = {"prices.csv": "price_list,sku,amount\nbase,gin,9.00\n"}
    gin = header + "gin,Gin,bar,standard,3.20 EUR; 3 USD,8 EUR\n"
    product = small_shop(tmp_path, {"products.csv": gin, **prices}).products[Sku("gin")]
    assert product.cost_minor == {"EUR": 320, "USD": 300}
    assert product.attributes == {}
    floors = [product.floor_minor(Currency("EUR"), cost=True), product.floor_minor(Currency("USD"), cost=True)]
    assert [*floors, product.floor_minor(Currency("USD"), cost=False)] == [800, 300, 0]
    wrong = faults(tmp_path, products=header + "gin,Gin,bar,standard,3.20,\n")
    assert ("invalid_amount", 2, "write a number and a currency, such as 4.90 EUR") in wrong


def test_a_shop_without_the_file_allows_nothing(tmp_path: Path) -> None:
    shop = small_shop(tmp_path, {"adjustments.yaml": None})
    request = AdjustmentRequest("damaged", percent="1")
    with pytest.raises(RefusedError) as refused:
        admit_adjustment(request, "", AdjustmentId("a"), shop, Limits())
    assert [error.code for error in refused.value.errors] == ["FORBIDDEN"]


@pytest.fixture(scope="module", name="shop")
def _shop() -> Shop:
    return load_shop(CASES_SHOP)


def warnings(shop: Shop, **document: object) -> list[tuple[str, str]]:
    read = cart_of(shop, **document)
    basket = build_basket(read.cart, shop, InstantMs(1_780_315_200_000), read.explicit)
    evaluation = evaluate(basket, compile_ruleset([]))
    return [(notice.code, notice.message) for notice in notices_of(read.cart, basket, evaluation, shop)]


def test_what_came_to_nothing_is_told(shop: Shop) -> None:
    mug = {"product": {"sku": "mug", "name": "Mug"}, "price": "10.00"}
    assert warnings(shop, lines=[mug], adjustments=[{"reason": "damaged", "percent": "20"}]) == []
    assert warnings(shop, lines=[mug], adjustments=[{"reason": "damaged", "line": 0, "amount": "5"}]) == [
        (
            "ADJUSTMENT_CUT",
            "the change by staff on Mug was cut from -5.00 to -2.00 EUR: there is a floor, and a ceiling for each role",
        )
    ]
    other = {"reason": "damaged", "amount": "5", "currency": "USD"}
    assert warnings(shop, lines=[mug], adjustments=[other]) == [
        ("ADJUSTMENT_SUSPENDED", "the change by staff on the cart is in USD and suspended while the cart is in EUR")
    ]
    regulated = {"product": {"sku": "tome", "name": "Tome", "never_discount": True}, "price": "10.00"}
    assert warnings(shop, lines=[regulated], adjustments=[{"reason": "damaged", "line": 0, "percent": "5"}]) == [
        (
            "ADJUSTMENT_WITHOUT_EFFECT",
            "the change by staff on Tome has no effect: nobody may change a regulated price",
        )
    ]


def test_a_change_in_a_file_has_the_faults_of_a_live_one(shop: Shop) -> None:
    with pytest.raises(RefusedError) as refused:
        cart_of(
            shop,
            lines=[{"sku": "bread"}],
            adjustments=[{"reason": "mood", "percent": "1"}, {"reason": "damaged", "percent": "1", "line": 1}],
        )
    assert [(error.code, error.field) for error in refused.value.errors] == [
        ("UNKNOWN_REASON", ("adjustments", "0", "reason")),
        ("LINE_NOT_FOUND", ("adjustments", "1", "line")),
    ]


def test_the_floor_of_measured_goods_is_that_of_the_line_with_its_options(tmp_path: Path) -> None:
    """Ham alone is below its cost here; with what slicing costs the line is not, and staff may lower it that far."""
    header, *rows = FILES["products.csv"].splitlines()
    costs = ["20.20 EUR" if row.startswith("ham,") else "" for row in rows]
    products = "\n".join([f"{header},cost", *(f"{row},{cost}" for row, cost in zip(rows, costs, strict=True)), ""])
    shop = small_shop(tmp_path, {"products.csv": products})
    sliced = {"sku": "ham", "quantity": "0.5", "options": {"cut": "sliced"}}
    change = {"reason": "match", "role": "manager", "line": 0, "price": "15"}
    [line] = evaluate(basket_of(shop, lines=[sliced], adjustments=[change]), compile_ruleset([])).lines
    assert (line.list_minor, line.adjustment_minor, line.total_minor) == (1025, -15, 1010)
