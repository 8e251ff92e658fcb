"""The compiled answer: a document becomes, once, a function that writes its answer straight from the views.

`plan` works out what a document selects, `inputs` how its arguments reach the resolvers, `leaves` what scalars look
like in JSON, `write` makes the function, `answers` keeps and runs it. The reasons are in
docs/decisions/009-compiled-answer.md.

Only answers without a fault are written here. Whatever raises on the way is answered in the ordinary way instead,
from the values that the root fields gave: so there is one place that says what an error looks like.
"""


class NotCoveredError(Exception):
    """A document, or a value sent along with it, that is left to the ordinary way."""
