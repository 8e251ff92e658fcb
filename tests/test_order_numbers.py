"""Order numbers: what was drawn and nothing else, a typo shows, and any other text is no order's."""

import pytest

from engine.cart.codes import is_intact
from engine.checkout.model import ORDER_NUMBERS, drawn_of, order_number
from engine.storage.keys import KeyNames
from engine.types import OrderNumber


@pytest.mark.parametrize("drawn", [0, 1, 22, 23, 123_456_789, ORDER_NUMBERS - 1])
def test_a_number_says_what_was_drawn(drawn: int) -> None:
    number = order_number(drawn)
    assert (len(number), is_intact(number), drawn_of(number)) == (10, True, drawn)
    swapped = number[:3] + number[4] + number[3] + number[5:]
    assert swapped == number or not is_intact(swapped)


@pytest.mark.parametrize("partitions", [1, 7, 256, 4096])
def test_it_lies_in_the_partition_that_it_says(partitions: int) -> None:
    names = KeyNames(partitions)
    for drawn in range(0, ORDER_NUMBERS, ORDER_NUMBERS // 50):
        assert names.order(order_number(drawn)).startswith(f"{{p{drawn % partitions:03x}}}:order:")


@pytest.mark.parametrize("text", ["", "nothing", "é" * 400, "{p000}:c:1"])
def test_any_text_leads_somewhere_where_no_order_is(text: str) -> None:
    assert KeyNames().order(OrderNumber(text)).endswith(f":order:{text}")
