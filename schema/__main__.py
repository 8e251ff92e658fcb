"""Prints the schema: ``python -m schema > schema/schema.graphql``."""

import sys

from schema import printed_schema

sys.stdout.write(printed_schema())
