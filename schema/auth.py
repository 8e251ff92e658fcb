"""Who is calling: signed tokens (JWT, RFC 7519) and what they say.

Algorithms are pinned to keys: the shared secret checks HS256 and nothing else, a public key checks the one algorithm
of its kind. What a token's header asks for only selects among those.
"""

import json
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import jwt

from engine.callers import Caller, CallerKind
from engine.errors import PanierError
from engine.signed_snapshots import SnapshotSigner
from engine.types import ChannelId, StoreId

SECRET_BYTES_MIN: Final = 32
"""RFC 7518, section 3.2: an HS256 key has at least as many bits as the hash."""

_LEEWAY_S: Final = 5
_REMEMBERED_MAX: Final = 10_000
_TOKEN_LENGTH_MAX: Final = 8_192
_WORD_LENGTH_MAX: Final = 128
_CURVES: Final = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}


class TokenFault(StrEnum):
    """Stable codes of what is wrong with a token."""

    MISSING = "TOKEN_MISSING"
    EXPIRED = "TOKEN_EXPIRED"
    INVALID = "TOKEN_INVALID"


class TokenError(PanierError):
    """A token that is not taken; the message says why without giving anything away."""

    def __init__(self, code: TokenFault, message: str) -> None:
        self.code = code
        super().__init__(message)


class KeysError(PanierError):
    """Keys that tokens cannot be signed or checked with."""


@dataclass(frozen=True, slots=True)
class _Key:
    algorithm: str
    key: Any


@dataclass(frozen=True, slots=True)
class Checked:
    """What a good token says, and until when, in seconds since 1970."""

    caller: Caller
    expires_s: float


class TokenAuthority:
    """Checks tokens, and signs them where it has a secret."""

    def __init__(
        self,
        secret: str | None = None,
        jwks: Mapping[str, Any] | Path | None = None,
        *,
        issuer: str | None = None,
        audience: str | None = None,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        """Take a secret for HS256, public keys as a JWK set or the path of one, or both.

        `issuer` and `audience` are checked where given, and written into tokens that are signed here.
        Raises `KeysError` for keys that are too short, unknown or private.
        """
        if secret is not None and len(secret.encode()) < SECRET_BYTES_MIN:
            raise KeysError(f"the secret is too short: HS256 needs at least {SECRET_BYTES_MIN} bytes")
        if secret is None and jwks is None:
            raise KeysError("tokens cannot be checked: give a secret, or a JWK set of public keys")
        self._secret = secret
        self.snapshots = SnapshotSigner.from_secret(secret) if secret is not None else None
        """Signs what tills take along; None where there is no secret."""
        self._public = _public_keys(jwks) if jwks is not None else {}
        self._issuer = issuer
        self._audience = audience
        self._now_s = now_s
        self._remembered: OrderedDict[str, Checked] = OrderedDict()

    def caller(self, token: str) -> Caller:
        """Return who a token speaks for. Raises `TokenError`."""
        return self.checked(token).caller

    def checked(self, token: str) -> Checked:
        """Return who a token speaks for, and until when. Raises `TokenError`."""
        known = self._remembered.get(token)
        if known is not None:
            if known.expires_s > self._now_s() - _LEEWAY_S:
                self._remembered.move_to_end(token)
                return known
            del self._remembered[token]
        claims = self._claims(token)
        checked = Checked(caller_of(claims), float(claims["exp"]))
        self._remember(token, checked)
        return checked

    def left_s(self, checked: Checked) -> float:
        """Return for how many seconds a token is still good; negative where it is not."""
        return checked.expires_s - self._now_s()

    def mint(self, caller: Caller, life_s: int) -> str:
        """Sign a token for a caller, good for `life_s` seconds. Raises `KeysError` where there is no secret."""
        if self._secret is None:
            raise KeysError("there is no secret to sign tokens with: only public keys are configured")
        now_s = int(self._now_s())
        claims: dict[str, Any] = {"sub": caller.id, "kind": caller.kind.value, "iat": now_s, "exp": now_s + life_s}
        optional = {
            "channel": caller.channel,
            "store": caller.store,
            "device": caller.device,
            "role": caller.role,
            "scopes": sorted(caller.scopes),
            "iss": self._issuer,
            "aud": self._audience,
        }
        claims |= {name: value for name, value in optional.items() if value}
        return jwt.encode(claims, self._secret, algorithm="HS256")

    def _claims(self, token: str) -> dict[str, Any]:
        """Check signature, dates, issuer and audience."""
        if len(token) > _TOKEN_LENGTH_MAX:
            raise TokenError(TokenFault.INVALID, "the token is too long")
        try:
            key = self._key(jwt.get_unverified_header(token))
            claims: dict[str, Any] = jwt.decode(
                token,
                key.key,
                algorithms=[key.algorithm],
                issuer=self._issuer,
                audience=self._audience,
                options={
                    "require": ["exp", "sub", "kind"],
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
        except jwt.PyJWTError as error:
            raise TokenError(TokenFault.INVALID, f"the token is not valid: {_why(error)}") from error
        self._check_dates(claims)
        return claims

    def _key(self, header: Mapping[str, Any]) -> _Key:
        """Choose the key that a token's header names; its algorithm must be the key's own."""
        algorithm, kid = header.get("alg"), header.get("kid")
        if algorithm == "HS256" and self._secret is not None and kid not in self._public:
            return _Key("HS256", self._secret)
        found = self._public.get(kid) if isinstance(kid, str) else None
        if found is None or found.algorithm != algorithm:
            raise TokenError(
                TokenFault.INVALID,
                "the token is not valid: it is signed with a key or algorithm that is not accepted here",
            )
        return found

    def _check_dates(self, claims: Mapping[str, Any]) -> None:
        now_s = self._now_s()
        for name in ("exp", "nbf"):
            value = claims.get(name)
            if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
                raise TokenError(TokenFault.INVALID, f"the token is not valid: `{name}` is not a number of seconds")
        if claims["exp"] <= now_s - _LEEWAY_S:
            raise TokenError(TokenFault.EXPIRED, "the token has expired: sign in again, or start a new session")
        if claims.get("nbf", 0) > now_s + _LEEWAY_S:
            raise TokenError(TokenFault.INVALID, "the token is not valid yet")

    def _remember(self, token: str, known: Checked) -> None:
        self._remembered[token] = known
        if len(self._remembered) > _REMEMBERED_MAX:
            self._remembered.popitem(last=False)


def caller_of(claims: Mapping[str, Any]) -> Caller:
    """Read the claims of a checked token. Raises `TokenError`."""
    subject = claims["sub"]
    if not isinstance(subject, str) or not 1 <= len(subject) <= _WORD_LENGTH_MAX or not subject.isprintable():
        raise TokenError(TokenFault.INVALID, f"the token's `sub` is not a text of 1 to {_WORD_LENGTH_MAX} characters")
    try:
        kind = CallerKind(claims["kind"])
    except ValueError:
        kinds = ", ".join(CallerKind)
        raise TokenError(TokenFault.INVALID, f"the token's `kind` is none of: {kinds}") from None
    channel, store = _word(claims, "channel"), _word(claims, "store")
    return Caller(
        kind,
        subject,
        channel=ChannelId(channel) if channel else None,
        store=StoreId(store) if store else None,
        device=_word(claims, "device"),
        scopes=frozenset(_scopes(claims.get("scopes", ()))),
        role=_word(claims, "role"),
    )


def _word(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name) or ""
    if not isinstance(value, str) or len(value) > _WORD_LENGTH_MAX:
        raise TokenError(
            TokenFault.INVALID, f"the token's `{name}` is not a text of at most {_WORD_LENGTH_MAX} characters"
        )
    return value


def _scopes(value: Any) -> Iterable[str]:
    """Read scopes: a list, or one text with spaces between them (RFC 8693, section 4.2)."""
    words = value.split() if isinstance(value, str) else value
    if not isinstance(words, list | tuple) or not all(isinstance(word, str) for word in words):
        raise TokenError(TokenFault.INVALID, "the token's `scopes` is neither a list of texts nor a text")
    return words


def _why(error: jwt.PyJWTError) -> str:
    """Say what is wrong in words that help the honest."""
    match error:
        case jwt.InvalidSignatureError():
            return "its signature does not match"
        case jwt.MissingRequiredClaimError():
            return f"the claim `{error.claim}` is missing"
        case jwt.InvalidIssuerError():
            return "it comes from another issuer"
        case jwt.InvalidAudienceError():
            return "it is meant for another audience"
        case _:
            return "it is not a signed JWT"


def _public_keys(jwks: Mapping[str, Any] | Path) -> dict[str, _Key]:
    """Read a JWK set (RFC 7517) of public keys, each with its ``kid``."""
    try:
        read = json.loads(jwks.read_text(encoding="utf-8")) if isinstance(jwks, Path) else jwks
        entries = read["keys"]
        keys = {entry["kid"]: _public_key(entry) for entry in entries}
    except (OSError, ValueError, KeyError, TypeError, jwt.PyJWTError) as error:
        what = f"`{jwks}`" if isinstance(jwks, Path) else "the JWK set"
        raise KeysError(f"{what} is not a set of public keys that each have a `kid`: {error}") from error
    if not keys:
        raise KeysError("the JWK set holds no key")
    return keys


def _public_key(entry: Mapping[str, Any]) -> _Key:
    """Read one key; its kind decides the one algorithm that it checks."""
    if "d" in entry or entry.get("kty") == "oct":
        raise ValueError(f"the key `{entry.get('kid')}` is not public")
    if entry.get("use", "sig") != "sig":
        raise ValueError(f"the key `{entry.get('kid')}` is not for signatures")
    algorithm = _algorithm(entry)
    if entry.get("alg", algorithm) != algorithm:
        raise ValueError(f"the key `{entry.get('kid')}` is of a kind that checks {algorithm}, not `{entry['alg']}`")
    return _Key(algorithm, jwt.PyJWK(dict(entry), algorithm=algorithm).key)


def _algorithm(entry: Mapping[str, Any]) -> str:
    kind, curve = entry.get("kty"), entry.get("crv")
    if kind == "RSA":
        return "RS256"
    if kind == "EC" and curve in _CURVES:
        return _CURVES[curve]
    if kind == "OKP" and curve == "Ed25519":
        return "EdDSA"
    raise ValueError(f"the key `{entry.get('kid')}` is of an unknown kind: expected RSA, EC or Ed25519")
