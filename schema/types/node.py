"""What can be looked up by its id."""

import strawberry


@strawberry.interface(description="Something that `node` finds by its id.")
class Node:
    """What all types that `node` finds have in common."""

    id: strawberry.ID = strawberry.field(description="Opaque; the same for as long as the thing exists.")
