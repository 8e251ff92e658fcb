"""Requests checked against the shop before any I/O, and turned into commands.

Every fault of a request is collected, so that a front end can mark all fields at once. Nothing here knows the cart:
what depends on it (where it is, how much is in it already) is guarded by the command and decided by the script.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from engine.cart.codes import CODE_LENGTH_MAX, canonical_code
from engine.cart.commands import (
    AddCodes,
    AddFees,
    AddLines,
    ChangeLines,
    LineChange,
    NewLine,
    RemoveCodes,
    SetContext,
    SetNote,
    SoldWhere,
)
from engine.cart.model import QUANTITY_SCALE, DeliveryChoice
from engine.errors import RefusedError, UserError, UserErrorCode, one_of
from engine.money import ratio_of
from engine.pricing.barcodes import BarcodeError, Label, canonical_gtin, read_label
from engine.pricing.nearest import nearest
from engine.pricing.pricebook import PriceList
from engine.pricing.requests import ContextRequest, FeeRequest, Limits, LineChangeRequest, LineRequest
from engine.pricing.shop import Option, Product, Shop
from engine.types import ChannelId, OperationId, Sku, StoreId

_WORD_LENGTH_MAX = 64
"""Of sellers, line keys, delivery places and canonical codes, in characters."""
_SHOWN_LENGTH_MAX = 40
_DECIMALS_MAX = 3
_DIGITS_MAX = 20
_ONE: Final = Decimal(1)


class _Faults:
    """Collects the faults of one request."""

    def __init__(self) -> None:
        self.errors: list[UserError] = []

    def add(self, code: UserErrorCode, message: str, *path: str) -> None:
        self.errors.append(UserError(code, message, path))

    def refuse(self) -> None:
        """Raise what was found, if anything."""
        if self.errors:
            raise RefusedError(tuple(self.errors))


def admit_lines(requests: Sequence[LineRequest], shop: Shop, limits: Limits, operation_id: OperationId) -> AddLines:
    """Check goods to add. Raises `RefusedError` with every fault.

    Each labelled pack becomes a line of its own, whose key is made of `operation_id` and its place in the request: the
    same request sent again makes the same lines.
    """
    faults = _Faults()
    _check_count(len(requests), limits.lines_per_request_max, UserErrorCode.LINE_LIMIT, "lines", faults)
    faults.refuse()
    admission = _LineAdmission(shop, limits, operation_id, faults)
    lines = [admission.line(request, index) for index, request in enumerate(requests)]
    faults.refuse()
    return AddLines(tuple(line for line in lines if line is not None))


def admit_changes(requests: Sequence[LineChangeRequest], shop: Shop, limits: Limits) -> ChangeLines:
    """Check new values of lines. Raises `RefusedError` with every fault."""
    faults = _Faults()
    _check_count(len(requests), limits.lines_per_request_max, UserErrorCode.LINE_LIMIT, "lines", faults)
    faults.refuse()
    changes = tuple(_change(request, str(index), shop, limits, faults) for index, request in enumerate(requests))
    faults.refuse()
    return ChangeLines(changes)


def admit_codes(codes: Sequence[str], limits: Limits) -> AddCodes:
    """Check codes; one that is there twice is added once. Raises `RefusedError` with every fault."""
    faults = _Faults()
    _check_count(len(codes), limits.codes_max, UserErrorCode.CODE_LIMIT, "codes", faults)
    faults.refuse()
    canonical = [_code(code, str(index), faults) for index, code in enumerate(codes)]
    faults.refuse()
    by_canonical: dict[str, str] = {}
    for known, entered in zip(canonical, codes, strict=True):
        by_canonical.setdefault(known, entered.strip())
    return AddCodes(tuple(by_canonical.items()))


def admit_code_removals(codes: Sequence[str], limits: Limits) -> RemoveCodes:
    """Check codes to take out, written in any form. Raises `RefusedError` with every fault."""
    return RemoveCodes(tuple(canonical for canonical, _ in admit_codes(codes, limits).codes))


def admit_fees(requests: Sequence[FeeRequest], shop: Shop, limits: Limits) -> AddFees:
    """Check fees to choose; the same fee twice is added up. Raises `RefusedError` with every fault."""
    faults = _Faults()
    _check_count(len(requests), limits.fees_max, UserErrorCode.QUANTITY_LIMIT, "fees", faults)
    faults.refuse()
    quantities: dict[str, int] = {}
    for index, request in enumerate(requests):
        if request.fee not in shop.fees:
            message = f"`{_shown(request.fee)}` is not a fee of this shop{_hint(request.fee, shop.fees)}"
            faults.add(UserErrorCode.UNKNOWN_FEE, message, "fees", str(index), "fee")
        if not 1 <= request.quantity <= limits.quantity_max:
            message = f"a fee is chosen 1 to {limits.quantity_max} times"
            faults.add(UserErrorCode.INVALID_QUANTITY, message, "fees", str(index), "quantity")
        quantities[request.fee] = quantities.get(request.fee, 0) + request.quantity
    faults.refuse()
    return AddFees(tuple(quantities.items()))


def admit_context(request: ContextRequest, shop: Shop) -> SetContext:
    """Check where a cart is to be. Raises `RefusedError` with every fault."""
    faults = _Faults()
    if request.channel is not None and request.channel not in shop.channels:
        message = f"`{_shown(request.channel)}` is not a channel of this shop{_hint(request.channel, shop.channels)}"
        faults.add(UserErrorCode.UNKNOWN_CHANNEL, message, "channel")
    if request.store is not None and request.store not in shop.stores:
        message = f"`{_shown(request.store)}` is not a store of this shop{_hint(request.store, shop.stores)}"
        faults.add(UserErrorCode.UNKNOWN_STORE, message, "store")
    if request.store is not None and request.clear_store:
        faults.add(UserErrorCode.UNKNOWN_STORE, "name a store or clear it, not both", "clearStore")
    if request.locale is not None and request.locale not in shop.locales:
        message = f"`{_shown(request.locale)}` is not served: expected {one_of(shop.locales)}"
        faults.add(UserErrorCode.UNKNOWN_LOCALE, message, "locale")
    _check_delivery(request.delivery, shop, faults, "delivery", clear=request.clear_delivery)
    payment_method = request.payment_method or ""
    if len(payment_method) > _WORD_LENGTH_MAX or _has_control(payment_method):
        message = f"a payment method is at most {_WORD_LENGTH_MAX} characters, without control characters"
        faults.add(UserErrorCode.INVALID_PAYMENT_METHOD, message, "paymentMethod")
    wishes = (request.channel, request.store, request.locale, request.delivery, request.payment_method)
    if not _says_something(*wishes) and not (request.clear_store or request.clear_delivery):
        message = "name a channel, store, locale, delivery choice or payment method to set"
        faults.add(UserErrorCode.NOTHING_TO_DO, message)
    faults.refuse()
    return SetContext(
        channel=None if request.channel is None else ChannelId(request.channel),
        store=None if request.store is None else StoreId(request.store),
        clear_store=request.clear_store,
        locale=request.locale,
        delivery=request.delivery,
        clear_delivery=request.clear_delivery,
        payment_method=request.payment_method,
        if_version=request.if_version,
    )


def admit_note(note: str, limits: Limits, if_version: int | None = None) -> SetNote:
    """Check the note of a cart; an empty one takes it away. Raises `RefusedError`."""
    faults = _Faults()
    checked = _note(note, limits, faults, "note")
    faults.refuse()
    return SetNote(checked, if_version)


def quantity_of(wanted: Decimal | None, product: Product, limits: Limits) -> int:
    """Return a wanted quantity as pieces, or as thousandths where the product is measured. Raises `RefusedError`.

    None means one piece; of measured goods it must be said.
    """
    if wanted is None and product.measured:
        message = f"`{product.sku}` is sold by the {product.unit}: say how much, such as 0.250"
        raise RefusedError.because(UserErrorCode.INVALID_QUANTITY, message, "quantity")
    thousandths = _thousandths(_ONE if wanted is None else wanted, limits)
    if not thousandths or (not product.measured and thousandths % QUANTITY_SCALE):
        expected = f"a whole number from 1 to {limits.quantity_max}, for it is sold by the piece"
        if product.measured:
            expected = (
                f"above 0 and at most {limits.quantity_max} {product.unit}, with at most {_DECIMALS_MAX} decimals"
            )
        message = f"`{_shown(str(wanted))}` is not a quantity of `{product.sku}`: expected {expected}"
        raise RefusedError.because(UserErrorCode.INVALID_QUANTITY, message, "quantity")
    return thousandths if product.measured else thousandths // QUANTITY_SCALE


def sold_where(product: Product, shop: Shop) -> SoldWhere | None:
    """Return where a product may be added; None for everywhere. A range that is not declared is sold nowhere."""
    range_ = shop.ranges.get(product.range)
    if range_ is None:
        return SoldWhere(channels=(), stores=(), storeless=())
    if range_.channels is None and range_.stores is None:
        return None
    storeless = [channel for channel in shop.channels if range_.sold_in(channel, shop.store_of(channel, None).id)]
    return SoldWhere(
        channels=None if range_.channels is None else tuple(sorted(range_.channels)),
        stores=None if range_.stores is None else tuple(sorted(range_.stores)),
        storeless=tuple(sorted(storeless)),
    )


@dataclass(frozen=True, slots=True)
class _LineAdmission:
    """Checks the lines of one request."""

    shop: Shop
    limits: Limits
    operation_id: OperationId
    faults: _Faults

    def line(self, request: LineRequest, index: int) -> NewLine | None:
        """Return the checked line; None (and at least one fault) where there is none."""
        at = ("lines", str(index))
        product, label = self.product(request, at)
        note = _note(request.note, self.limits, self.faults, *at, "note")
        _check_delivery(request.delivery, self.shop, self.faults, *at, "delivery")
        self.check_word(request.seller, "seller", at)
        self.check_word(request.line_key, "lineKey", at)
        if product is None:
            return None
        options = self.options(request.options, product, at)
        quantity = self.labelled(request, product, label, at) if label else self.quantity(request, product, at)
        return NewLine(
            sku=product.sku,
            quantity=quantity,
            measured=product.measured,
            options=options,
            seller=request.seller,
            line_key=self.pack_key(request, index) if label else request.line_key,
            note=note,
            delivery=request.delivery,
            label_price_minor=label.price_minor if label else None,
            label_currency=(label.currency or "") if label else "",
            sold_where=sold_where(product, self.shop),
        )

    def product(self, request: LineRequest, at: tuple[str, str]) -> tuple[Product | None, Label | None]:
        """Find the product by SKU or barcode, and the label where that is one."""
        if (request.sku is None) == (request.barcode is None):
            self.faults.add(UserErrorCode.UNKNOWN_SKU, "name the product by `sku` or by `barcode`, one of the two", *at)
            return None, None
        if request.barcode is not None:
            return self.scanned(request.barcode, (*at, "barcode"))
        sku = request.sku or ""
        product = self.shop.products.get(Sku(sku))
        if product is None:
            message = f"there is no product `{_shown(sku)}`{_hint(sku, self.shop.products)}"
            self.faults.add(UserErrorCode.UNKNOWN_SKU, message, *at, "sku")
        return product, None

    def scanned(self, barcode: str, at: tuple[str, ...]) -> tuple[Product | None, Label | None]:
        try:
            gtin = canonical_gtin(barcode)
            # A GTIN of the catalogue goes first: a shop may number its own goods with the prefixes of labels.
            sku = self.shop.by_gtin.get(gtin)
            label = None if sku else read_label(gtin, self.shop.label_layouts)
        except BarcodeError as fault:
            message = f"{fault.message}; {fault.repair}" if fault.repair else fault.message
            self.faults.add(UserErrorCode.INVALID_BARCODE, message, *at)
            return None, None
        if label is not None:
            sku = self.shop.by_label_item.get(label.item)
        if sku is None:
            what = f"the label item `{label.item}`" if label else f"the barcode `{_shown(barcode)}`"
            self.faults.add(UserErrorCode.UNKNOWN_BARCODE, f"{what} is not in the catalogue", *at)
            return None, None
        return self.shop.products[sku], label

    def labelled(self, request: LineRequest, product: Product, label: Label, at: tuple[str, str]) -> int:
        """Return the quantity of a labelled pack: its weight, or what its price buys, or one piece."""
        if request.quantity is not None and _thousandths(request.quantity, self.limits) != QUANTITY_SCALE:
            message = "a labelled pack is added one at a time: leave the quantity out and scan each pack"
            self.faults.add(UserErrorCode.INVALID_QUANTITY, message, *at, "quantity")
        if label.weight_thousandths is not None:
            if not product.measured:
                message = f"the label carries a weight, but `{product.sku}` is sold by the piece"
                self.faults.add(UserErrorCode.INVALID_BARCODE, message, *at, "barcode")
            elif label.weight_thousandths > self.limits.quantity_max * QUANTITY_SCALE:
                message = f"the label carries more than {self.limits.quantity_max} {product.unit}"
                self.faults.add(UserErrorCode.INVALID_QUANTITY, message, *at, "barcode")
            return label.weight_thousandths
        if label.currency not in {store.currency for store in self.shop.stores.values()}:
            message = f"the label carries a price in {label.currency}, in which no store of this shop sells"
            self.faults.add(UserErrorCode.WRONG_CURRENCY, message, *at, "barcode")
        return self.bought_for(label, product) if product.measured else 1

    def bought_for(self, label: Label, product: Product) -> int:
        """Return how many thousandths the price of a label buys, at least one.

        An estimate for display and for conditions on weight; what the pack costs is the price on its label. The unit
        price is that of the default channel and store for everybody at all times: this is decided before the cart's
        place and the time are known, and should not change when the request is sent again. Where there is no such
        price, it is one unit.
        """
        channel = self.shop.default_channel
        store = self.shop.store_of(channel, None)
        lists = tuple(
            price_list
            for price_list in self.shop.prices.lists
            if price_list.currency == label.currency == store.currency
            and (not price_list.channels or channel in price_list.channels)
            and (not price_list.stores or store.id in price_list.stores)
            and (not price_list.store_groups or not price_list.store_groups.isdisjoint(store.groups))
            and _for_everybody_always(price_list)
        )
        price = self.shop.prices.unit_price(product.sku, QUANTITY_SCALE, lists)
        if price is None or not price.amount_minor or label.price_minor is None:
            return QUANTITY_SCALE
        thousandths = ratio_of(label.price_minor, QUANTITY_SCALE, price.amount_minor)
        return max(1, min(thousandths, self.limits.quantity_max * QUANTITY_SCALE))

    def pack_key(self, request: LineRequest, index: int) -> str:
        """Return a line key that no other pack has, and that the same request sent again has too."""
        return ".".join(part for part in (request.line_key, self.operation_id, str(index)) if part)

    def quantity(self, request: LineRequest, product: Product, at: tuple[str, str]) -> int:
        """Return pieces, or thousandths of measured goods."""
        try:
            return quantity_of(request.quantity, product, self.limits)
        except RefusedError as refused:
            for error in refused.errors:
                self.faults.add(error.code, error.message, *at, *error.field)
            return 0

    def options(self, wanted: Mapping[str, str], product: Product, at: tuple[str, str]) -> tuple[tuple[str, str], ...]:
        """Return the options in their canonical order and form: the line's id is made of them."""
        chosen = []
        for name, value in sorted(wanted.items()):
            path = (*at, "options", name)
            option = self.shop.options.get(name) if name in product.options else None
            if option is None:
                there_are = f"expected {one_of(product.options)}" if product.options else "it has none"
                message = f"`{product.sku}` has no option `{_shown(name)}`: {there_are}"
                self.faults.add(UserErrorCode.INVALID_OPTION, message, *path)
                continue
            plain = unicodedata.normalize("NFC", value.strip())
            self.check_option_value(option, plain, path)
            chosen.append((name, plain))
        return tuple(chosen)

    def check_option_value(self, option: Option, value: str, path: tuple[str, ...]) -> None:
        if not option.text_length_max:
            if value not in option.surcharges_minor:
                expected = one_of(list(option.surcharges_minor))
                message = f"`{_shown(value)}` is not a value of `{option.id}`: expected {expected}"
                self.faults.add(UserErrorCode.INVALID_OPTION, message, *path)
        elif not 1 <= len(value) <= option.text_length_max or _has_control(value):
            message = f"`{option.id}` takes a text of 1 to {option.text_length_max} characters on one line"
            self.faults.add(UserErrorCode.INVALID_OPTION, message, *path)

    def check_word(self, word: str, name: str, at: tuple[str, str]) -> None:
        if len(word) > _WORD_LENGTH_MAX or _has_control(word):
            message = f"`{name}` is at most {_WORD_LENGTH_MAX} characters, without control characters"
            self.faults.add(UserErrorCode.INVALID_OPTION, message, *at, name)


def _change(request: LineChangeRequest, index: str, shop: Shop, limits: Limits, faults: _Faults) -> LineChange:
    at = ("lines", index)
    thousandths = None
    if request.quantity is not None:
        thousandths = _thousandths(request.quantity, limits)
        if thousandths is None:
            message = (
                f"`{_shown(str(request.quantity))}` is not a quantity: expected 0 (remove the line) to "
                f"{limits.quantity_max}, with at most {_DECIMALS_MAX} decimals for goods sold by measure"
            )
            faults.add(UserErrorCode.INVALID_QUANTITY, message, *at, "quantity")
    note = None if request.note is None else _note(request.note, limits, faults, *at, "note")
    _check_delivery(request.delivery, shop, faults, *at, "delivery", clear=request.clear_delivery)
    if not _says_something(request.quantity, note, request.delivery) and not request.clear_delivery:
        faults.add(UserErrorCode.NOTHING_TO_DO, "name a quantity, note or delivery choice to set", *at)
    return LineChange(
        line=request.line,
        quantity_thousandths=thousandths,
        note=note,
        delivery=request.delivery,
        clear_delivery=request.clear_delivery,
        if_version=request.if_version,
    )


def _thousandths(quantity: Decimal, limits: Limits) -> int | None:
    """Return a quantity from 0 to the limit in thousandths; None where it is none.

    The bounds are checked first: a small text such as 1e999999999 is a number that fills the memory.
    """
    if not quantity.is_finite() or not 0 <= quantity <= limits.quantity_max:
        return None
    _, digits, exponent = quantity.as_tuple()
    if len(digits) > _DIGITS_MAX or not isinstance(exponent, int) or exponent < -_DIGITS_MAX:
        return None
    scaled = quantity * QUANTITY_SCALE
    return int(scaled) if scaled == scaled.to_integral_value() else None


def _check_delivery(
    choice: DeliveryChoice | None, shop: Shop, faults: _Faults, *path: str, clear: bool = False
) -> None:
    """Check a delivery choice by itself; whether it can be had from where the cart is, its price says."""
    if choice is None:
        return
    unknown = UserErrorCode.UNKNOWN_DELIVERY
    if clear:
        faults.add(unknown, "name a delivery choice or clear it, not both", *path)
    method = shop.delivery_methods.get(choice.method)
    if method is None:
        hint = _hint(choice.method, shop.delivery_methods)
        faults.add(unknown, f"`{_shown(choice.method)}` is not a delivery method{hint}", *path, "method")
    elif choice.slot and not method.slots:
        faults.add(unknown, f"`{method.id}` has no slots: leave the slot out", *path, "slot")
    elif method.slots and choice.slot not in method.slots:
        what = f"`{_shown(choice.slot)}` is not a slot of" if choice.slot else "choose a slot of"
        faults.add(unknown, f"{what} `{method.id}`: expected {one_of(method.slots)}", *path, "slot")
    if len(choice.place) > _WORD_LENGTH_MAX or _has_control(choice.place):
        message = f"a place is at most {_WORD_LENGTH_MAX} characters, without control characters"
        faults.add(unknown, message, *path, "place")


def _code(entered: str, index: str, faults: _Faults) -> str:
    canonical = canonical_code(entered)
    if canonical is None:
        message = (
            f"`{_shown(entered)}` cannot be a code: expected 1 to {CODE_LENGTH_MAX} letters and digits "
            "(spaces and dashes do not count)"
        )
        faults.add(UserErrorCode.INVALID_CODE, message, "codes", index)
    return canonical or ""


def _note(note: str, limits: Limits, faults: _Faults, *path: str) -> str:
    """Return a note without outer blanks; line breaks and tabs may stay."""
    plain = note.strip()
    if len(plain) > limits.note_length_max:
        message = f"a note is at most {limits.note_length_max} characters, this one has {len(plain)}"
        faults.add(UserErrorCode.INVALID_NOTE, message, *path)
    if _has_control(plain, allowed="\n\r\t"):
        message = "a note holds no control characters: take the invisible characters out"
        faults.add(UserErrorCode.INVALID_NOTE, message, *path)
    return plain


def _has_control(text: str, allowed: str = "") -> bool:
    """Say whether there are control characters or halves of characters (which UTF-8 cannot hold)."""
    return any(unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"} and char not in allowed for char in text)


def _check_count(count: int, most: int, code: UserErrorCode, what: str, faults: _Faults) -> None:
    if count == 0:
        faults.add(UserErrorCode.NOTHING_TO_DO, f"name at least one entry of `{what}`", what)
    elif count > most:
        faults.add(code, f"at most {most} entries of `{what}` in one request, this one has {count}", what)


def _for_everybody_always(price_list: PriceList) -> bool:
    return not (price_list.tiers or price_list.segments) and price_list.from_ms is None and price_list.until_ms is None


def _says_something(*values: object) -> bool:
    return any(value is not None for value in values)


def _shown(text: str) -> str:
    """Return what a message repeats of a caller's text: short, and on one line."""
    plain = re.sub(r"[\x00-\x1f\x7f\u2028\u2029\ud800-\udfff]", "\ufffd", text)
    return plain if len(plain) <= _SHOWN_LENGTH_MAX else plain[:_SHOWN_LENGTH_MAX] + "…"


def _hint(wrong: str, known: Mapping[Any, object]) -> str:
    found = nearest(wrong, known)
    return f": {found}" if found else ""
