"""Facts and pointers of customers."""

import asyncio
import dataclasses

from engine.cart.history import History, with_history
from engine.cart.model import Facts
from engine.storage.connection import Connection
from engine.storage.customers import OPEN_CARTS_MOST, CustomerStore
from engine.storage.keys import KeyNames
from engine.types import CartId, CustomerId, InstantMs, OrderNumber
from tests.storage.shopper import facts

BEN = CustomerId("ben")
ONE, TWO, THREE = CartId("one"), CartId("two"), CartId("three")


async def test_a_customer_nobody_told_of_is_empty(customers: CustomerStore) -> None:
    record = await customers.read(BEN)
    assert (record.facts, record.active, record.superseded) == (None, None, None)
    assert record.at_ms > 1_700_000_000_000


async def test_two_devices_that_race_for_a_first_cart_get_one(customers: CustomerStore) -> None:
    proposals = [CartId(f"cart-{number}") for number in range(20)]
    records = await asyncio.gather(*[customers.claim_first(BEN, cart) for cart in proposals])
    (winner,) = {record.active for record in records}
    assert winner in proposals
    assert (await customers.read(BEN)).active == winner
    assert (await customers.write_facts(facts())).open_carts == (winner,)


async def test_a_creating_request_goes_to_the_same_cart_however_often_it_is_sent(customers: CustomerStore) -> None:
    """Whatever became the active cart in between: else its goods would be added twice, to two carts."""
    assert (await customers.claim_first(BEN, ONE)).chosen == ONE
    assert (await customers.claim_first(BEN, TWO)).chosen == ONE, "the loser of a race adopts the winner's"
    await customers.claim(BEN, THREE)
    assert (await customers.claim_first(BEN, ONE)).chosen == ONE
    assert (await customers.claim_first(BEN, TWO)).chosen == ONE
    again = await customers.read(BEN)
    assert (again.active, again.superseded) == (THREE, ONE)


async def test_a_request_whose_cart_was_released_may_go_elsewhere(customers: CustomerStore) -> None:
    await customers.claim_first(BEN, ONE)
    await customers.release(BEN, ONE)
    assert (await customers.claim_first(BEN, TWO)).chosen == TWO
    assert (await customers.claim_first(BEN, ONE)).chosen == TWO


async def test_old_creating_requests_are_forgotten(customers: CustomerStore) -> None:
    await customers.claim_first(BEN, ONE)
    for number in range(40):
        await customers.claim_first(BEN, CartId(f"other-{number}"))
    await customers.claim(BEN, THREE)
    assert (await customers.claim_first(BEN, CartId("other-39"))).chosen == ONE
    assert (await customers.claim_first(BEN, CartId("other-2"))).chosen == THREE


async def test_attaching_supersedes_and_a_second_time_changes_nothing(customers: CustomerStore) -> None:
    await customers.claim_first(BEN, ONE)
    for _ in range(2):
        record = await customers.claim(BEN, TWO)
        assert (record.active, record.superseded) == (TWO, ONE)
    record = await customers.claim(BEN, ONE)
    assert (record.active, record.superseded) == (ONE, TWO)


async def test_a_first_claim_has_nothing_to_supersede(customers: CustomerStore) -> None:
    record = await customers.claim(BEN, ONE)
    assert (record.active, record.superseded) == (ONE, None)


async def test_a_claim_says_whether_it_was_new(customers: CustomerStore) -> None:
    assert (await customers.claim_first(BEN, ONE)).claimed
    assert not (await customers.claim_first(BEN, TWO)).claimed
    assert not (await customers.claim(BEN, ONE)).claimed
    assert (await customers.claim(BEN, TWO)).claimed
    assert not (await customers.read(BEN)).claimed


async def test_releasing_puts_the_superseded_cart_back(customers: CustomerStore) -> None:
    await customers.claim_first(BEN, ONE)
    await customers.claim(BEN, TWO)
    assert await customers.release(BEN, TWO) == ONE
    assert await customers.release(BEN, TWO) == ONE
    record = await customers.read(BEN)
    assert (record.active, record.superseded) == (ONE, None)
    assert await customers.release(BEN, ONE) is None
    assert (await customers.read(BEN)).active is None


async def test_a_claim_that_is_released_leaves_no_trace(customers: CustomerStore) -> None:
    """A sign-in with a cart that is not the customer's may not cost them the cart they had before the last."""
    await customers.claim_first(BEN, ONE)
    await customers.claim(BEN, TWO)
    before = await customers.read(BEN)
    await customers.claim(BEN, THREE)
    await customers.release(BEN, THREE)
    after = await customers.read(BEN)
    assert (after.active, after.superseded) == (before.active, before.superseded) == (TWO, ONE)
    await customers.release(BEN, THREE)
    assert (await customers.read(BEN)).superseded == ONE


async def test_releasing_the_superseded_cart_leaves_the_active_one(customers: CustomerStore) -> None:
    await customers.claim_first(BEN, ONE)
    await customers.claim(BEN, TWO)
    assert await customers.release(BEN, ONE) == TWO
    record = await customers.read(BEN)
    assert (record.active, record.superseded) == (TWO, None)


async def test_releasing_another_cart_changes_no_pointer(customers: CustomerStore) -> None:
    await customers.claim_first(BEN, ONE)
    assert await customers.release(BEN, THREE) == ONE


async def test_facts_are_versioned(customers: CustomerStore) -> None:
    first = await customers.write_facts(facts(version=40))
    assert first.facts == facts(version=1)
    second = await customers.write_facts(facts(tier="platinum"))
    assert second.facts == facts(version=2, tier="platinum")
    assert (await customers.read(BEN)).facts == second.facts


async def test_offered_facts_count_only_when_newer(customers: CustomerStore) -> None:
    assert (await customers.offer_facts(facts(version=3))).facts.version == 3
    assert (await customers.offer_facts(facts(version=3, tier="none"))).facts.tier == "gold"
    assert (await customers.offer_facts(facts(version=4, tier="none"))).facts.tier == "none"


async def test_bare_facts_survive(customers: CustomerStore) -> None:
    bare = Facts(BEN)
    assert (await customers.write_facts(bare)).facts == dataclasses.replace(bare, version=1)
    assert (await customers.offer_facts(Facts(CustomerId("new")))).facts == Facts(CustomerId("new"))
    full = Facts(BEN, 2, "gold", frozenset({"é"}), -5, InstantMs(1_700_000_000_000))
    assert (await customers.offer_facts(full)).facts == full


async def test_the_newest_open_carts_are_told_first_and_the_oldest_forgotten(
    customers: CustomerStore, connection: Connection, names: KeyNames
) -> None:
    await customers.claim(BEN, CartId("oldest"))
    _, opened = names.customer(BEN)
    await connection.command("ZADD", opened, 1, "oldest")
    for number in range(OPEN_CARTS_MOST):
        await customers.claim(BEN, CartId(f"cart-{number:03}"))
    told = (await customers.write_facts(facts())).open_carts
    assert len(told) == OPEN_CARTS_MOST
    assert "oldest" not in told


async def test_customers_of_two_shops_are_two(connection: Connection) -> None:
    here, there = (CustomerStore(connection, KeyNames(shop=shop)) for shop in ("here", "there"))
    await here.claim(BEN, ONE)
    assert (await there.read(BEN)).active is None


async def test_what_is_known_of_a_customer_has_no_end(
    customers: CustomerStore, connection: Connection, names: KeyNames
) -> None:
    await customers.claim(BEN, ONE)
    await customers.write_facts(facts())
    assert [await connection.command("TTL", key) for key in names.customer(BEN)] == [-1, -1]


async def test_orders_are_counted_once_and_cancelled_ones_no_more(customers: CustomerStore) -> None:
    first, second = OrderNumber("first"), OrderNumber("second")
    assert (await customers.read(BEN)).history is None
    for new in (True, False):
        assert await customers.count_order(BEN, first, InstantMs(1000), {"dairy", "bread"}) is new
    assert await customers.count_order(BEN, second, InstantMs(2000), {"dairy"})
    history = (await customers.read(BEN)).history
    assert history == History(2, 2, 2, InstantMs(1000), frozenset({"dairy", "bread"}))
    for new in (True, False):
        assert await customers.discount_order(BEN, first, {"dairy", "bread"}) is new
    # Whoever was cut off before it counted the order finds that it is cancelled by now.
    assert not await customers.count_order(BEN, first, InstantMs(1000), {"dairy", "bread"})
    history = (await customers.claim_first(BEN, ONE)).history
    assert history == History(3, 1, 1, InstantMs(2000), frozenset({"dairy"}))


async def test_a_cancelled_order_that_comes_late_is_not_counted(customers: CustomerStore) -> None:
    late = OrderNumber("late")
    await customers.discount_order(BEN, late, {"dairy"})
    assert not await customers.count_order(BEN, late, InstantMs(1000), {"dairy"})
    assert (await customers.read(BEN)).history == History(1, 0)


async def test_orders_after_the_record_was_told_add_to_it(customers: CustomerStore) -> None:
    await customers.count_order(BEN, OrderNumber("before"), InstantMs(1000), ())
    told = dataclasses.replace(facts(), orders=5)
    written = await customers.write_facts(told)
    assert with_history(written.facts, written.history).orders == 5
    await customers.count_order(BEN, OrderNumber("since"), InstantMs(written.at_ms + 1), ())
    record = await customers.read(BEN)
    assert record.facts is not None
    assert with_history(record.facts, record.history).orders == 6
    assert with_history(record.facts, record.history, told_long_ago=True).orders == 7


async def test_older_points_are_not_noted_after_newer_ones(customers: CustomerStore) -> None:
    assert await customers.note_points(BEN, "customer:ben", 3, "gold", 30, {})
    assert not await customers.note_points(BEN, "customer:ben", 2, "", 20, {})
    history = (await customers.read(BEN)).history
    assert history == History(1, tier="gold", points=30)
    assert not await customers.note_points(BEN, "customer:ben", 4, "gold", 30, {})
    # Another account is another matter.
    assert await customers.note_points(BEN, "family:1", 1, "", 5, {})
    assert with_history(facts(), (await customers.read(BEN)).history).points == 5
