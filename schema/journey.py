"""What shoppers say of their way to a cart, and how staff find a customer's carts."""

import strawberry
from strawberry import ID

from engine.cart.journey import StepKind
from engine.journey_service import Recorded, carts_of_customers, erase_journey, record_steps, switch_journey
from engine.types import CustomerId
from schema.context import Info
from schema.mutations import UserErrorView
from schema.types.cart import CartConnectionView
from schema.types.journey import JourneyConnectionView
from schema.types.paging import page_of
from schema.views import field, object_type


@strawberry.input(name="JourneyStepInput", description="A search, or a product that was looked at.")
class StepInput:
    """See `engine.cart.journey.Step`."""

    kind: StepKind = strawberry.field(description="Which of the two.")
    text: str = strawberry.field(description="What was searched for, or the SKU.")


@object_type("JourneyPayload")
class JourneyPayloadView:
    """The answer to a change of a journey."""

    __slots__ = ("_recorded",)

    def __init__(self, recorded: Recorded) -> None:
        self._recorded = recorded

    @property
    def journey(self) -> JourneyConnectionView | None:
        """The journey as it is now; null where the request was refused."""
        journey = self._recorded.journey
        return JourneyConnectionView(page_of(journey.steps, None, None), journey) if journey else None

    @property
    def user_errors(self) -> list[UserErrorView]:
        """Why nothing was done."""
        return [UserErrorView(error) for error in self._recorded.errors]


@strawberry.type
class JourneyQueries:
    """Queries about journeys and customers."""

    @field("What the caller searched for and looked at, newest first, and whether that is recorded.")
    async def my_journey(self, info: Info, first: int | None = None, after: str | None = None) -> JourneyConnectionView:
        """One round trip to the store."""
        journey = await info.context.engine.stores.journeys.read(info.context.known_caller().member)
        return JourneyConnectionView(page_of(journey.steps, first, after), journey)

    @field(
        "The carts of a customer, their own and those of others that they take part in, or of all customers with a "
        "phone number (E.164, such as +33 6 12 34 56 78); the one that was changed last first. For staff with "
        "`cart:read`."
    )
    async def customer_carts(
        self,
        info: Info,
        customer_id: ID | None = None,
        phone: str | None = None,
        first: int | None = None,
        after: str | None = None,
    ) -> CartConnectionView:
        """Two round trips to the store for each customer, and one for each cart."""
        caller, customer = info.context.known_caller(), CustomerId(customer_id) if customer_id is not None else None
        found = await carts_of_customers(info.context.engine, caller, customer, phone)
        return CartConnectionView(page_of(found, first, after), caller)


@strawberry.type
class JourneyMutations:
    """Mutations about journeys."""

    @field(
        "Remember what the calling shopper searched for or looked at. It is shown to them, and to staff with "
        "`journey:read`, never to others who take part in their carts; nothing is kept while they have it switched off."
    )
    async def journey_record(self, info: Info, steps: list[StepInput]) -> JourneyPayloadView:
        """One round trip to the store."""
        caller, asked = info.context.known_caller(), [(step.kind, step.text) for step in steps]
        return JourneyPayloadView(await record_steps(info.context.engine, caller, asked))

    @field("Switch the recording of the calling shopper's journey on or off. Off also forgets what is there.")
    async def journey_switch(self, info: Info, *, on: bool) -> JourneyPayloadView:
        """One round trip to the store."""
        return JourneyPayloadView(await switch_journey(info.context.engine, info.context.known_caller(), on=on))

    @field("Forget what the calling shopper searched for and looked at so far.")
    async def journey_erase(self, info: Info) -> JourneyPayloadView:
        """Two round trips to the store."""
        return JourneyPayloadView(await erase_journey(info.context.engine, info.context.known_caller()))
