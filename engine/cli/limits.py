"""The settings in the terms of the parts that they are for."""

from datetime import timedelta

from engine.pricing.requests import Limits
from engine.settings import Settings
from engine.storage.carts import CartLimits
from schema.app import HttpConfig, Ping
from schema.documents import DocumentLimits
from schema.streams import StreamLimits


def cart_limits(settings: Settings) -> CartLimits:
    """Return the guard rails that the store keeps."""
    return CartLimits(
        lines=settings.cart_lines_max,
        quantity=settings.cart_quantity_max,
        codes=settings.cart_codes_max,
        fees=settings.cart_fees_max,
        adjustments=settings.cart_adjustments_max,
        members=settings.cart_members_max,
        invites=settings.cart_invites_max,
        suggestions=settings.cart_suggestions_max,
        handoffs=settings.cart_handoffs_max,
        journey_steps=settings.journey_steps_max,
        journey_ms=_ms(settings.journey_life),
        cart_bytes=settings.cart_bytes_max,
        guest_ms=_ms(settings.guest_cart_life),
        customer_ms=_ms(settings.customer_cart_life),
        log=settings.cart_log_max,
    )


def request_limits(settings: Settings) -> Limits:
    """Return what one request may ask for."""
    return Limits(
        lines_max=settings.cart_lines_max,
        quantity_max=settings.cart_quantity_max,
        codes_max=settings.cart_codes_max,
        fees_max=settings.cart_fees_max,
        screen_stay_ms=_ms(settings.screen_stay),
        kiosk_stay_ms=_ms(settings.kiosk_stay),
    )


def http_config(settings: Settings, ping: Ping, graphiql_token: str, graphiql_query: str) -> HttpConfig:
    """Return how the service behaves over HTTP."""
    return HttpConfig(
        development=settings.development,
        cors_origins=settings.cors_origins,
        body_bytes_max=settings.body_bytes_max,
        documents=DocumentLimits(
            depth=settings.query_depth_max,
            tokens=settings.query_tokens_max,
            aliases=settings.query_aliases_max,
            fields=settings.query_fields_max,
        ),
        streams=StreamLimits(
            connections=settings.live_connections_max,
            subscriptions=settings.live_subscriptions_max,
            message_bytes=settings.body_bytes_max,
        ),
        session_life_s=int(settings.token_life.total_seconds()),
        graphiql_token=graphiql_token,
        graphiql_query=graphiql_query,
        ping=ping,
        compiled_answers=settings.compiled_answers,
    )


def _ms(life: timedelta) -> int:
    return life // timedelta(milliseconds=1)
