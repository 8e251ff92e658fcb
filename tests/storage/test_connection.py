"""Many at once, cancelled callers, forgotten scripts, servers that are gone."""

import asyncio
import dataclasses
import random
from pathlib import Path

import pytest

from engine.errors import StoreUnavailableError
from engine.storage import scripts
from engine.storage.carts import CartStore, Committed
from engine.storage.connection import Connection, StoreFaultError
from engine.storage.keys import KeyNames, PartitionsChangedError, agree_on_partitions
from engine.types import CartId
from tests.servers import plain_server
from tests.storage.shopper import ANN, BEN, CART, LIMITS, add, caller, committed, edit, made, only


async def test_concurrent_adds_are_all_counted_with_one_version_each(
    connection: Connection, server_url: str, names: KeyNames
) -> None:
    roomy = dataclasses.replace(LIMITS, quantity=500, log=200)
    elsewhere = Connection(server_url, connections=8)
    here, there = CartStore(connection, names, roomy), CartStore(elsewhere, names, roomy)
    await made(here)
    answers = await asyncio.gather(
        *[here.commit(CART, edit(add("mug", 2))) for _ in range(75)],
        *[there.commit(CART, edit(add("mug", 1), by=caller(BEN))) for _ in range(75)],
    )
    versions = [answer.version for answer in answers if isinstance(answer, Committed)]
    assert sorted(versions) == list(range(2, 152))
    cart = (await here.read(CART)).cart
    assert cart is not None
    assert dict(only(cart).shares) == {ANN: 150, BEN: 75}
    assert [entry.version for entry in (await here.read_log(CART, 0)).entries] == list(range(1, 152))
    await elsewhere.close()


async def test_the_same_edit_sent_from_many_places_happens_once(carts: CartStore) -> None:
    await made(carts)
    asked = edit(add("mug", 2))
    answers = await asyncio.gather(*[carts.commit(CART, asked) for _ in range(20)])
    assert {answer.version for answer in answers if isinstance(answer, Committed)} == {2}
    assert [answer.replayed for answer in answers if isinstance(answer, Committed)].count(False) == 1


async def test_a_cancelled_caller_leaves_no_answer_for_the_next_one(server_url: str, connection: Connection) -> None:
    few = Connection(server_url, connections=2)
    for number in range(50):
        await connection.command("SET", f"key-{number}", number)
    chance = random.Random(7)  # noqa: S311  # picks whom to cancel

    async def ask(number: int) -> None:
        assert await few.command("GET", f"key-{number}") == str(number).encode()

    for _ in range(40):
        tasks = [asyncio.ensure_future(ask(chance.randrange(50))) for _ in range(6)]
        for _ in range(chance.randrange(12)):
            await asyncio.sleep(0)
        for task in chance.sample(tasks, 3):
            task.cancel()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(answer is None or isinstance(answer, asyncio.CancelledError) for answer in answers)
    await asyncio.gather(*[ask(number) for number in range(50)])
    await few.close()


async def test_a_cancelled_edit_is_whole(carts: CartStore, connection: Connection) -> None:
    await made(carts)
    asked = edit(add("mug"), add("pen"))
    task = asyncio.ensure_future(carts.commit(CART, asked))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    again = await carts.commit(CART, asked)
    assert isinstance(again, Committed)
    assert (again.version, len(again.cart.lines)) == (2, 2)


async def test_scripts_that_the_server_forgot_are_loaded_again(connection: Connection, carts: CartStore) -> None:
    await made(carts)
    await connection.command("SCRIPT", "FLUSH")
    assert only(await committed(carts, edit(add()))).quantity == 1
    assert (await carts.read(CART)).cart is not None


async def test_a_request_is_one_command(connection: Connection, carts: CartStore) -> None:
    await made(carts)
    for work in (lambda: carts.commit(CART, edit(add())), lambda: carts.read(CART), lambda: carts.read_log(CART, 0)):
        await connection.command("CONFIG RESETSTAT")
        await work()
        assert (await connection.info("commandstats"))["cmdstat_evalsha"]["calls"] == 1


async def test_a_cluster_refuses_keys_of_several_slots(connection: Connection, server_url: str) -> None:
    if not (await connection.info("cluster"))["cluster_enabled"]:
        pytest.skip("not a cluster")
    with pytest.raises(StoreFaultError, match="slot"):
        await connection.run(scripts.CUSTOMER_RELEASE, ("{a}:1", "{b}:2"), ("cart",))


async def test_a_fault_in_a_script_is_not_taken_for_an_absent_store(carts: CartStore) -> None:
    await made(carts)
    with pytest.raises(StoreFaultError, match="refused a command"):
        await carts.commit(CART, edit(["no_such_verb"]))


async def test_a_store_that_is_gone_is_unavailable(tmp_path: Path, names: KeyNames) -> None:
    with plain_server(tmp_path) as server:
        connection = Connection(server.url)
        carts = CartStore(connection, names)
        await made(carts)
    with pytest.raises(StoreUnavailableError, match="did not answer"):
        await carts.commit(CART, edit(add()))
    with pytest.raises(StoreUnavailableError):
        await carts.read(CART)
    with plain_server(tmp_path):
        assert only(await committed(carts, edit(add()))).quantity == 1
    await connection.close()


async def test_a_store_that_may_not_write_is_unavailable(tmp_path: Path, names: KeyNames) -> None:
    with plain_server(tmp_path) as server:
        connection = Connection(server.url)
        carts = CartStore(connection, names)
        await made(carts)
        await connection.command("CONFIG SET", "maxmemory", 1)
        with pytest.raises(StoreUnavailableError):
            await carts.commit(CART, edit(add()))
        await connection.command("CONFIG SET", "maxmemory", 0)
        await connection.command("REPLICAOF", "127.0.0.1", 1)
        with pytest.raises(StoreUnavailableError):
            await carts.commit(CART, edit(add()))
        await connection.close()


async def test_a_store_that_is_silent_is_unavailable() -> None:
    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    silent = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    connection = Connection(f"redis://127.0.0.1:{port}", timeout_s=0.05)
    with pytest.raises(StoreUnavailableError):
        await connection.command("PING")
    await connection.close()
    silent.close()
    await silent.wait_closed()


def test_an_address_of_another_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="scheme"):
        Connection("http://localhost")


@pytest.mark.parametrize("option", ["foo=bar", "health_check_interval=often", "ssl_cert_reqs=none"])
def test_an_option_that_no_connection_has_is_refused(option: str) -> None:
    with pytest.raises(ValueError, match=option.partition("=")[0]):
        Connection(f"redis://localhost?{option}")


async def test_the_number_of_partitions_is_fixed_at_the_first_start(connection: Connection) -> None:
    await agree_on_partitions(connection, KeyNames(64))
    await agree_on_partitions(connection, KeyNames(64))
    with pytest.raises(PartitionsChangedError, match="made with 64 partitions"):
        await agree_on_partitions(connection, KeyNames(256))


def test_all_keys_of_a_cart_have_one_tag_and_partitions_are_used_evenly() -> None:
    names = KeyNames()
    counts: dict[str, int] = {}
    for number in range(10_000):
        cart = CartId(f"cart-{number}")
        keys = names.commit(cart)
        assert keys == (names.cart(cart), names.log(cart), names.applied(cart), names.wake_up(cart))
        (tag,) = {key.partition(":")[0] for key in keys}
        counts[tag] = counts.get(tag, 0) + 1
    assert len(counts) == 256
    assert max(counts.values()) < 3 * min(counts.values())


def test_the_partition_of_an_id_never_changes() -> None:
    assert KeyNames().cart(CartId("cart-1")) == "{p008}:c:cart-1"


@pytest.mark.parametrize("values", [{"shop": "a:b"}, {"shop": ""}, {"partitions": 0}, {"partitions": 5000}])
def test_names_that_could_clash_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="unlike"):
        KeyNames(**values)  # type: ignore[arg-type]


async def commands_of(connection: Connection) -> dict[str, int]:
    stats = await connection.info("commandstats")
    return {name.removeprefix("cmdstat_"): stats[name]["calls"] for name in stats}


async def test_a_script_may_be_answered_when_its_work_is_on_disk(connection: Connection, names: KeyNames) -> None:
    key = names.attempts("durable")
    await connection.command("SCRIPT", "FLUSH")
    await connection.command("CONFIG RESETSTAT")
    _, left = await connection.run_durably(scripts.ATTEMPT, (key,), (5, 60_000, "1"))
    assert left == 1
    # A script that the server did not know is loaded and sent once more, and the wait with it.
    assert (await commands_of(connection)).items() >= {"evalsha": 2, "waitaof": 2}.items()
    await connection.command("CONFIG RESETSTAT")
    await asyncio.gather(*[connection.run_durably(scripts.ATTEMPT, (key,), (50, 60_000, "1")) for _ in range(30)])
    assert await connection.command("GET", key) == b"31"
    assert (await commands_of(connection)).items() >= {"evalsha": 30, "waitaof": 30}.items()


async def test_work_that_does_not_reach_the_disk_is_not_answered(tmp_path: Path, names: KeyNames) -> None:
    with plain_server(tmp_path) as server:
        hasty = Connection(server.url, timeout_s=0.5)
        key = names.attempts("durable")
        await hasty.command("CONFIG", "SET", "appendfsync", "no")
        with pytest.raises(StoreUnavailableError, match="on disk"):
            await hasty.run_durably(scripts.ATTEMPT, (key,), (5, 60_000, "1"))
        await hasty.command("CONFIG", "SET", "appendfsync", "everysec")
        patient = Connection(server.url)
        assert (await patient.run_durably(scripts.ATTEMPT, (key,), (5, 60_000, "1")))[1] == 1
        await hasty.close()
        await patient.close()


async def test_a_server_without_an_append_only_file_has_nothing_to_wait_for(tmp_path: Path, names: KeyNames) -> None:
    with plain_server(tmp_path) as server:
        connection = Connection(server.url)
        await connection.command("CONFIG", "SET", "appendonly", "no")
        answer = await connection.run_durably(scripts.ATTEMPT, (names.attempts("durable"),), (5, 60_000, "1"))
        assert answer[1] == 1
        await connection.close()


async def test_a_fault_in_a_durable_script_is_told_as_one(connection: Connection, names: KeyNames) -> None:
    with pytest.raises(StoreFaultError, match="refused a command"):
        await connection.run_durably(scripts.ATTEMPT, (names.attempts("durable"),), ())
