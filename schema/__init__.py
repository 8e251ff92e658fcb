"""The front door: GraphQL over HTTP. Views of what the engine answers, and verbs; no arithmetic and no rules."""

import strawberry
from graphql import GraphQLSchema
from strawberry.schema.config import StrawberryConfig

from schema.checkout import CheckoutMutations, CheckoutQueries
from schema.families import FamilyMutations, FamilyQueries
from schema.groups import GroupMutations, GroupQueries
from schema.handoffs import HandoffMutations
from schema.journey import JourneyMutations, JourneyQueries
from schema.loyalty import LoyaltyMutations, LoyaltyQueries
from schema.members import MemberMutations
from schema.merging import MergeMutations, MergeQueries
from schema.mutations import MUTATIONS, Mutation
from schema.offline import OfflineMutations, OfflineQueries
from schema.pairings import PairingMutations, PairingQueries
from schema.queries import QUERIES, Query
from schema.scalars import SCALARS
from schema.subscriptions import Subscription
from schema.types.catalogue import ChannelView, ProductView, StoreView
from schema.types.offers import PromotionView


@strawberry.type(name="Mutation", description=MUTATIONS)
class _Mutations(
    Mutation,
    MemberMutations,
    HandoffMutations,
    PairingMutations,
    GroupMutations,
    JourneyMutations,
    OfflineMutations,
    MergeMutations,
    CheckoutMutations,
    LoyaltyMutations,
    FamilyMutations,
):
    """All of them: there is one root, and it would be a long file."""


@strawberry.type(name="Query", description=QUERIES)
class _Queries(
    Query,
    PairingQueries,
    GroupQueries,
    JourneyQueries,
    OfflineQueries,
    MergeQueries,
    CheckoutQueries,
    LoyaltyQueries,
    FamilyQueries,
):
    """All of them, likewise."""


def build_schema() -> strawberry.Schema:
    """Build the schema. `schema.graphql` is what it prints; a test compares the two."""
    return strawberry.Schema(
        query=_Queries,
        mutation=_Mutations,
        subscription=Subscription,
        types=[ChannelView, ProductView, PromotionView, StoreView],
        config=StrawberryConfig(scalar_map=SCALARS),
    )


def core_schema(schema: strawberry.Schema) -> GraphQLSchema:
    """Return the schema in the form that graphql-core parses, validates and executes against."""
    return schema._schema  # noqa: SLF001  # strawberry has no public name for it; its version is pinned


def printed_schema() -> str:
    """Return the schema as text."""
    return build_schema().as_str() + "\n"
