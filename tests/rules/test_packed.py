"""Rule sets as bytes: they price as they did, and nothing is compiled that no cart met."""

import asyncio
import contextlib
import pickle
from pathlib import Path
from random import Random

import pytest

from engine.cli.handover import HandoverError, checked, long_parts
from engine.errors import FilesRefusedError
from engine.pricing.load import load_shop
from engine.pricing.shop import Shop
from engine.rules import packed
from engine.rules.catalogue import catalogue_rules
from engine.rules.evaluate import evaluate
from engine.rules.explain import explain_all
from engine.rules.load import load_rules
from engine.rules.packed import CompiledWhenMet, PromotionsAt, cooled_down, kept_packed, warmed_up
from engine.rules.ruleset import Ruleset
from engine.rules.schedule import Schedule
from engine.types import InstantMs, PromotionId
from tests.carts import basket_of
from tests.cases.running import engine_basket, engine_rules
from tests.generator.scenarios import scenario
from tests.rules.conftest import Load
from tests.shops import write_shop

RULES = """\
promotions:
  - {id: dairy, give: {percent_off: {percent: 20%, on: {category: grocery/dairy}}}}
  - {id: shelf, lane: price, give: {percent_off: {percent: 5%, on: {sku: milk}}}}
  - {id: secret, hidden: true, give: {percent_off: {percent: 20%, on: {category: grocery/meat}}}}
  - {id: typed, codes: HELLO, stores: south, active: {until: 2020-01-01}, give: {percent_off: {percent: 1%}}}
  - {id: elsewhere, stores: south, give: {order_percent_off: {percent: 10%}}}
  - {id: over, active: {until: 2020-01-01}, give: {order_percent_off: {percent: 10%}}}
  - {id: till, channels: [pos], give: {order_percent_off: {percent: 10%}}}
"""
MILK = [{"sku": "milk"}]


@pytest.fixture(name="kept")
def _kept(load: Load) -> Ruleset:
    return kept_packed(load(RULES).ruleset)


def met(ruleset: Ruleset) -> set[str]:
    assert isinstance(ruleset.promotions, CompiledWhenMet)
    return {promotion.id for promotion in ruleset.promotions.met()}


@pytest.mark.parametrize("seed", range(60))
def test_a_packed_rule_set_prices_as_it_did(seed: int) -> None:
    drawn = scenario(Random(seed))  # noqa: S311 - no secret
    ruleset, basket = engine_rules(drawn), engine_basket(drawn)
    kept = kept_packed(ruleset)
    for every_outcome in (True, False):
        expected = evaluate(basket, ruleset, every_outcome=every_outcome)
        assert evaluate(basket, kept, every_outcome=every_outcome) == expected
    assert (kept.hash, list(kept.by_id), dict(kept.look_alikes)) == (
        ruleset.hash,
        list(ruleset.by_id),
        dict(ruleset.look_alikes),
    )
    assert {code: [each.id for each in unlocked] for code, unlocked in kept.by_code.items()} == {
        code: [each.id for each in unlocked] for code, unlocked in ruleset.by_code.items()
    }
    for promotion, same in zip(ruleset.promotions, kept.promotions, strict=True):
        assert same.written == promotion.written.model_copy(update={"examples": ()})


def test_only_what_a_cart_may_trigger_is_found_and_compiled(kept: Ruleset, shop: Shop) -> None:
    evaluation = evaluate(basket_of(shop, lines=MILK), kept)
    assert met(kept) == set(evaluation.outcomes) == {"dairy", "shelf"}
    evaluate(basket_of(shop, lines=MILK, channel="pos"), kept)
    assert met(kept) == {"dairy", "shelf", "till", "elsewhere"}


def test_a_code_is_answered_wherever_and_whenever_it_is_entered(kept: Ruleset, shop: Shop) -> None:
    evaluation = evaluate(basket_of(shop, lines=MILK, codes=["hello"]), kept)
    [verdict] = evaluation.codes
    assert [outcome.code for outcome in verdict.outcomes] == ["wrong_store"]


def test_lists_of_promotions_compile_what_they_show(kept: Ruleset) -> None:
    shown = PromotionsAt(kept.promotions, kept.open_places)
    assert len(shown) == 5
    assert not met(kept)
    assert [promotion.id for promotion in shown[:2]] == ["shelf", "dairy"]
    assert met(kept) == {"shelf", "dairy"}
    assert shown[0].id == "shelf"


def test_the_offers_of_the_catalogue_compile_no_other_lane(kept: Ruleset) -> None:
    assert [promotion.id for promotion in catalogue_rules(kept).promotions] == ["shelf"]
    assert met(kept) == {"shelf"}


def test_what_was_met_is_compiled_before_the_swap_and_forgotten_after_it(kept: Ruleset, load: Load, shop: Shop) -> None:
    evaluate(basket_of(shop, lines=MILK), kept)
    new = kept_packed(load(RULES.replace("id: shelf", "id: other")).ruleset)
    assert len(list(warmed_up(new, kept))) == 2
    assert met(new) == {"dairy"}
    assert len(list(cooled_down(kept))) == 2
    assert not met(kept)
    assert evaluate(basket_of(shop, lines=MILK), kept).outcomes.keys() == {"dairy", "shelf"}


def test_what_no_cart_has_met_for_longest_gives_way(kept: Ruleset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "READY_MAX", 3)
    first, second, third, fourth = (kept.promotions[place].id for place in range(4))
    assert met(kept) == {second, third, fourth}
    assert kept.promotions[1].id == second
    assert kept.promotions[0].id == first
    assert met(kept) == {first, second, fourth}


def test_going_through_all_of_them_leaves_what_carts_met(kept: Ruleset, shop: Shop) -> None:
    found = evaluate(basket_of(shop, lines=MILK), kept)
    hot = met(kept)
    assert len(evaluate(basket_of(shop, lines=MILK), kept, every_outcome=True).outcomes) == 7
    assert met(kept) == hot == set(found.outcomes)


def test_a_question_about_one_promotion_compiles_that_one_alone(kept: Ruleset, shop: Shop) -> None:
    basket = basket_of(shop, lines=MILK)
    evaluation = evaluate(basket, kept)
    before = met(kept)
    [told] = explain_all(basket, kept, evaluation, staff=True, only=PromotionId("elsewhere"))
    assert told.outcome.code == "wrong_store"
    assert met(kept) == before | {"elsewhere"}
    assert explain_all(basket, kept, evaluation, staff=False, only=PromotionId("secret")) == []
    assert met(kept) == before | {"elsewhere", "secret"}


def test_the_schedule_compiles_nothing(kept: Ruleset, shop: Shop) -> None:
    schedule = Schedule(kept, shop)
    assert schedule.at(InstantMs(0)) != schedule.at(InstantMs(1_893_456_000_000)), "a window has ended since"
    assert not met(kept)


def test_what_is_read_back_is_what_was_written(load: Load) -> None:
    for promotion in load(RULES).ruleset.promotions:
        read = pickle.loads(pickle.dumps(promotion.written))  # noqa: S301 - our own bytes
        assert read == promotion.written
        assert list(vars(read)) == list(vars(promotion.written))
        assert read.model_fields_set == promotion.written.model_fields_set
        assert read.model_dump_json() == promotion.written.model_dump_json()


# Handed over by another process


@pytest.fixture(name="folder")
def _folder(tmp_path: Path) -> Path:
    write_shop(tmp_path)
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "a.yaml").write_text(RULES)
    return tmp_path


async def taken_over(folder: Path, rules: Path | None) -> Ruleset:
    shop = load_shop(folder)
    handover = await checked(folder, rules, served=shop.id, catalogue=False)
    with contextlib.closing(handover):
        snapshot = await handover.taken_over(shop)
    assert snapshot.shop is shop
    return snapshot.ruleset


async def test_rules_are_taken_over_from_another_process(folder: Path) -> None:
    shop = load_shop(folder)
    ruleset = await taken_over(folder, None)
    assert ruleset.hash == load_rules(folder / "rules", shop).ruleset.hash
    assert evaluate(basket_of(shop, lines=MILK), ruleset).discounts
    named = await taken_over(folder, folder / "rules")
    assert named.by_id.keys() == ruleset.by_id.keys()


async def test_a_shop_without_rules_hands_over_none(tmp_path: Path) -> None:
    write_shop(tmp_path)
    assert len((await taken_over(tmp_path, None)).promotions) == 0


async def test_faults_are_handed_over_whole(folder: Path) -> None:
    (folder / "rules" / "a.yaml").write_text(RULES.replace("percent_off", "percent_of", 1))
    with pytest.raises(FilesRefusedError) as here:
        load_rules(folder / "rules", load_shop(folder))
    with pytest.raises(FilesRefusedError) as there:
        await taken_over(folder, None)
    assert str(there.value) == str(here.value)


async def test_a_shop_is_taken_over_as_it_is(folder: Path) -> None:
    shop = load_shop(folder)
    handover = await checked(folder, None, served=shop.id, catalogue=True)
    with contextlib.closing(handover):
        first, second = await asyncio.gather(handover.taken_over(None), handover.taken_over(None))
    assert all(long_parts(shop).values()), "something of each, so that each is compared"
    for taken in (first, second):
        assert taken.shop == shop
        assert [list(entries) for entries in long_parts(taken.shop).values()] == [
            list(entries) for entries in long_parts(shop).values()
        ]
        assert taken.ruleset.by_id.keys() == load_rules(folder / "rules", shop).ruleset.by_id.keys()


async def test_a_checker_that_fails_is_told_of(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.cli.handover._CHECKER", "engine.cli.no_such_module")
    with pytest.raises(HandoverError, match="ended with 1"):
        await taken_over(folder, None)


async def test_whoever_waits_no_longer_ends_the_process(folder: Path) -> None:
    task = asyncio.create_task(taken_over(folder, None))
    await asyncio.sleep(0.2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_a_promotion_is_known_by_its_id_without_being_compiled(kept: Ruleset) -> None:
    assert PromotionId("dairy") in kept.by_id
    assert len(kept.by_id) == 7
    assert not met(kept)
