"""Which lines a rule speaks of: the closed vocabulary of selectors, and their compiled form."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Annotated, Any
from weakref import WeakValueDictionary

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from engine.fields import Amounts, InWords, Written
from engine.money import format_minor
from engine.pricing.basket import BasketLine
from engine.types import Currency

Matcher = Callable[[BasketLine, Currency, bool], bool]
"""Says whether a line is selected, given the cart's currency and whether earlier lanes took something off the line."""
Key = tuple[str, ...]
"""What the index finds a promotion by, such as ``("sku", "4711")`` or ``("category", "grocery/bakery")``."""


def listed(value: Any) -> Any:
    """Return one word as a list of it."""
    return [value] if isinstance(value, str) else value


_WORD_SCHEMA = {"type": "string", "minLength": 1}
WORDS_SCHEMA = WithJsonSchema({"anyOf": [_WORD_SCHEMA, {"type": "array", "items": _WORD_SCHEMA, "minItems": 1}]})
Words = Annotated[
    tuple[Annotated[str, Field(min_length=1)], ...],
    BeforeValidator(listed),
    Field(min_length=1),
    WORDS_SCHEMA,
    InWords("words", "one word, or a list of words: `web` or `[web, app]`"),
]
"""One word or a list of words."""


class PriceRange(Written):
    """Unit list prices from `at_least` up to, and not including, `below`."""

    at_least: Amounts | None = None
    """This much or more."""
    below: Amounts | None = None
    """Less than this."""

    @model_validator(mode="after")
    def _one_bound(self) -> "PriceRange":
        if self.at_least is None and self.below is None:
            raise ValueError("empty_price_range: a price range needs a bound; help: add `at_least:` or `below:`")
        for currency in sorted((self.at_least or {}).keys() & (self.below or {}).keys()):
            least, below = ((bound or {})[currency] for bound in (self.at_least, self.below))
            if least >= below:
                low, high = (f"{format_minor(minor, currency)} {currency}" for minor in (least, below))
                repair = "swap the two" if least > below else "write a larger `below`"
                raise ValueError(f"empty_price_range: no price is at least {low} and below {high}; help: {repair}")
        return self

    def in_words(self) -> str:
        """Say it as people do: `price from 5.00 EUR below 10.00 EUR`."""
        bounds = [
            f"{word} {' / '.join(f'{format_minor(amounts[each], each)} {each}' for each in sorted(amounts))}"
            for word, amounts in (("from", self.at_least), ("below", self.below))
            if amounts is not None
        ]
        return f"price {' '.join(bounds)}"

    def compile(self) -> Matcher:
        """Return the test of one line."""
        at_least, below = self.at_least, self.below

        def in_range(line: BasketLine, currency: Currency, _discounted: object) -> bool:
            price = line.unit_list_minor
            return (at_least is None or at_least[currency] <= price) and (below is None or price < below[currency])

        return in_range


class Selector(Written):
    """Selects lines by product. All keys given must match; of a list of values, any one."""

    sku: Words | None = None
    """These products."""
    category: Words | None = None
    """These categories and everything below them."""
    tag: Words | None = None
    """Products with one of these tags."""
    attribute: dict[str, Words] | None = Field(default=None, min_length=1)
    """Products by any column of the catalogue: `{brand: Farm, size: [S, M]}`."""
    price: PriceRange | None = None
    """Products by their unit list price."""
    discounted: bool | None = None
    """`true`: lines that promotions of *earlier* lanes took something off; `false`: the others."""
    all_of: tuple["Selector", ...] | None = Field(default=None, alias="and", min_length=1)
    """All of these must match."""
    any_of: tuple["Selector", ...] | None = Field(default=None, alias="or", min_length=1)
    """One of these must match."""
    none_of: "Selector | None" = Field(default=None, alias="not")
    """This must not match."""

    @model_validator(mode="after")
    def _one_key(self) -> "Selector":
        if not self.model_fields_set:
            raise ValueError("empty_selector: a selector needs a key; help: such as `category: grocery/bakery`")
        return self

    def amounts(self) -> Iterator[Mapping[Currency, int]]:
        """Yield every amount that it states, however deep."""
        if self.price is not None:
            yield from (bound for bound in (self.price.at_least, self.price.below) if bound is not None)
        for part in (*(self.all_of or ()), *(self.any_of or ()), *([self.none_of] if self.none_of else [])):
            yield from part.amounts()

    def in_words(self) -> str:
        """Name the goods as people do: `category shoes and brand Farm or Mill`."""
        words = [
            f"{name} {' or '.join(values)}"
            for name, values in (("sku", self.sku), ("category", self.category), ("tag", self.tag))
            if values
        ]
        words += [f"{name} {' or '.join(values)}" for name, values in (self.attribute or {}).items()]
        if self.price is not None:
            words.append(self.price.in_words())
        if self.discounted is not None:
            words.append("discounted" if self.discounted else "not discounted")
        words += [_bracketed(selector) for selector in self.all_of or ()]
        if self.any_of is not None:
            words.append(" or ".join(_bracketed(selector) for selector in self.any_of))
        if self.none_of is not None:
            words.append(f"not {_bracketed(self.none_of)}")
        return " and ".join(words)

    def asks_discounted(self) -> bool:
        """Say whether it depends on what earlier lanes took off a line, however deep."""
        parts = (*(self.all_of or ()), *(self.any_of or ()), *([self.none_of] if self.none_of else []))
        return self.discounted is not None or any(part.asks_discounted() for part in parts)

    def compile(self) -> Matcher:
        """Return the test of one line: every part must agree. Lines come in a currency that `amounts` all state."""
        parts = self._parts()
        if len(parts) == 1:
            return parts[0]
        return lambda line, currency, discounted: all(part(line, currency, discounted) for part in parts)

    def _parts(self) -> list[Matcher]:
        parts: list[Matcher] = []
        if self.sku is not None:
            parts.append(_by_sku(frozenset(self.sku)))
        if self.category is not None:
            parts.append(_by_category(frozenset(self.category)))
        if self.tag is not None:
            parts.append(_by_tag(frozenset(self.tag)))
        for name, values in (self.attribute or {}).items():
            parts.append(_by_attribute(name, frozenset(values)))
        if self.price is not None:
            parts.append(self.price.compile())
        if self.discounted is not None:
            parts.append(_by_discounted(wanted=self.discounted))
        parts += [selector.compile() for selector in self.all_of or ()]
        if self.any_of is not None:
            parts.append(_any([selector.compile() for selector in self.any_of]))
        if self.none_of is not None:
            parts.append(_not(self.none_of.compile()))
        return parts

    def keys(self) -> tuple[Key, ...] | None:
        """Return keys of which a product must have one to be selected; None where no such list can be given."""
        options = [
            *([tuple(("sku", sku) for sku in self.sku)] if self.sku else []),
            *([tuple(("category", path) for path in self.category)] if self.category else []),
            *([tuple(("tag", tag) for tag in self.tag)] if self.tag else []),
            *(tuple(("attribute", name, value) for value in values) for name, values in (self.attribute or {}).items()),
            *(keys for selector in self.all_of or () if (keys := selector.keys()) is not None),
        ]
        if self.any_of is not None:
            branches = [selector.keys() for selector in self.any_of]
            if all(keys is not None for keys in branches):
                options.append(tuple(key for keys in branches if keys is not None for key in keys))
        return min(options, key=keys_cost, default=None)

    def names_only(self) -> bool:
        """Say whether a product is selected as soon as it has one of the `keys`."""
        names = [self.sku, self.category, self.tag, *(self.attribute or {}).values()]
        others = (self.price, self.discounted, self.all_of, self.any_of, self.none_of)
        return sum(name is not None for name in names) == 1 and all(other is None for other in others)


def _bracketed(selector: Selector) -> str:
    """Name what stands inside another selector so that it cannot be read as two parts of that."""
    words = selector.in_words()
    return f"({words})" if " and " in words or " or " in words else words


def keys_cost(keys: tuple[Key, ...]) -> tuple[int, int]:
    """Rank lists of keys by how much they let through: the kind that selects least first, then the shorter list."""
    kinds = {"code": 0, "sku": 1, "segment": 2, "attribute": 3, "tag": 3, "category": 4, "tier": 5, "channel": 6}
    return max((kinds[key[0]] for key in keys), default=0), len(keys)


def _by_sku(skus: frozenset[str]) -> Matcher:
    return lambda line, _, __: line.product.sku in skus


def _by_category(paths: frozenset[str]) -> Matcher:
    return lambda line, _, __: not paths.isdisjoint(line.product.categories())


def _by_tag(tags: frozenset[str]) -> Matcher:
    return lambda line, _, __: not tags.isdisjoint(line.product.tags)


def _by_attribute(name: str, values: frozenset[str]) -> Matcher:
    return lambda line, _, __: line.product.attributes.get(name) in values


def _by_discounted(*, wanted: bool) -> Matcher:
    return lambda _, __, discounted: discounted is wanted


def _any(parts: list[Matcher]) -> Matcher:
    return lambda line, currency, discounted: any(part(line, currency, discounted) for part in parts)


def _not(part: Matcher) -> Matcher:
    return lambda line, currency, discounted: not part(line, currency, discounted)


class Selection:
    """A compiled choice of lines: those that `on` selects and `except_` does not, regulated goods left out.

    Two rules that write the same choice share one selection, so that an evaluation works it out once.
    """

    __slots__ = (
        "__weakref__",
        "_except",
        "_on",
        "asks_discounted",
        "key",
        "keys",
        "keys_suffice",
        "regulated",
        "words",
    )

    def __init__(self, key: str, on: Selector | None, except_: Selector | None, *, regulated: bool) -> None:
        self.key = key
        keys = on.keys() if on else None
        self.keys = frozenset(keys) if keys is not None else None
        self.keys_suffice = (on is None or on.names_only()) and except_ is None
        self.regulated = regulated
        self.words = _in_words(on, except_)
        self.asks_discounted = any(selector.asks_discounted() for selector in (on, except_) if selector)
        self._on = on.compile() if on else None
        self._except = except_.compile() if except_ else None

    def matches(self, line: BasketLine, currency: Currency, *, discounted: bool = False) -> bool:
        """Say whether the line is chosen; `discounted`: earlier lanes took something off it."""
        return (
            (self.regulated or not line.product.never_discount)
            and (self._on is None or self._on(line, currency, discounted))
            and (self._except is None or not self._except(line, currency, discounted))
        )


def _in_words(on: Selector | None, except_: Selector | None) -> str:
    if except_ is None:
        return on.in_words() if on else ""
    return f"{on.in_words() if on else 'all goods'}, but not {except_.in_words()}"


def missing_in_words(missing: Iterable[tuple[int, str]]) -> str:
    """Name goods of which units are missing: without the numbers where all are of one kind. No name means any goods."""
    units_by_words: dict[str, int] = {}
    for units, words in missing:
        if units:
            units_by_words[words] = units_by_words.get(words, 0) + units
    if len(units_by_words) == 1:
        return next(iter(units_by_words))
    return ", ".join(f"{units} of {words or 'any goods'}" for words, units in units_by_words.items())


class Selections:
    """Builds selections, once for each that is written differently."""

    def __init__(self) -> None:
        self._known: WeakValueDictionary[str, Selection] = WeakValueDictionary()

    def get(self, on: Selector | None = None, except_: Selector | None = None, *, regulated: bool = False) -> Selection:
        """Return the selection of these lines."""
        written = [s.model_dump_json(exclude_none=True) if s else "" for s in (on, except_)]
        key = "\n".join([*written, str(regulated)])
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = Selection(key, on, except_, regulated=regulated)
        return known
