"""Tokens: which are taken, and what those get that are not."""

import base64
import json
import time
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from engine.callers import Caller, CallerKind
from engine.priced import Snapshot
from schema.auth import KeysError, TokenAuthority, TokenError, TokenFault
from tests.http.service import SECRET, Service

CLAIMS: dict[str, Any] = {"sub": "ada", "kind": "customer", "exp": int(time.time()) + 600}
OTHER_SECRET = "another secret that is long enough for HS256"


def signed(secret: str = SECRET, algorithm: str = "HS256", without: str = "", **claims: Any) -> str:
    """Sign claims."""
    merged = {name: value for name, value in (CLAIMS | claims).items() if name != without}
    return jwt.encode(merged, secret, algorithm=algorithm)


def unsigned() -> str:
    parts = ({"alg": "none", "typ": "JWT"}, CLAIMS)
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts) + "."


@pytest.mark.parametrize(
    ("token", "code", "message"),
    [
        (signed(exp=int(time.time()) - 60), "TOKEN_EXPIRED", "the token has expired"),
        (signed(OTHER_SECRET), "TOKEN_INVALID", "its signature does not match"),
        (unsigned(), "TOKEN_INVALID", "a key or algorithm that is not accepted here"),
        (signed(SECRET * 2, "HS512"), "TOKEN_INVALID", "a key or algorithm that is not accepted here"),
        ("nonsense", "TOKEN_INVALID", "it is not a signed JWT"),
        ("a.b.c", "TOKEN_INVALID", "it is not a signed JWT"),
        ("x" * 9000, "TOKEN_INVALID", "the token is too long"),
        (signed(without="exp"), "TOKEN_INVALID", "the claim `exp` is missing"),
        (signed(without="sub"), "TOKEN_INVALID", "the claim `sub` is missing"),
        (signed(without="kind"), "TOKEN_INVALID", "the claim `kind` is missing"),
        (
            signed(kind="king"),
            "TOKEN_INVALID",
            "the token's `kind` is none of: guest, customer, staff, terminal, service",
        ),
        (signed(kind=["customer"]), "TOKEN_INVALID", "the token's `kind` is none of"),
        (signed(sub=""), "TOKEN_INVALID", "the token's `sub` is not a text"),
        (signed(scopes=3), "TOKEN_INVALID", "the token's `scopes` is neither a list of texts nor a text"),
        (signed(scopes=[1]), "TOKEN_INVALID", "the token's `scopes` is neither"),
        (signed(channel=3), "TOKEN_INVALID", "the token's `channel` is not a text"),
        (signed(exp="tomorrow"), "TOKEN_INVALID", "`exp` is not a number of seconds"),
        (signed(nbf=int(time.time()) + 600), "TOKEN_INVALID", "not valid yet"),
        (
            signed(channel="moon"),
            "UNKNOWN_CHANNEL",
            "the token names the channel `moon`, which this shop does not have",
        ),
        (signed(store="moon"), "UNKNOWN_STORE", "the token names the store `moon`, which this shop does not have"),
    ],
)
def test_a_token_that_is_not_taken_says_why(service: Service, token: str, code: str, message: str) -> None:
    response = service.client(token).post("{ channels { code } }")
    error = response.json()["errors"][0]
    assert response.status_code == (403 if code.startswith("UNKNOWN") else 401)
    assert error["extensions"]["code"] == code
    assert message in error["message"]
    assert "data" not in response.json()


@pytest.mark.parametrize("header", ["Basic YTpi", "Bearer", "token"])
def test_another_scheme_is_refused(service: Service, header: str) -> None:
    response = service.client().http.post(
        "/graphql", json={"query": "{channels{code}}"}, headers={"Authorization": header}
    )
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
    assert response.json()["errors"][0]["extensions"]["code"] == "TOKEN_INVALID"


def test_without_a_token_one_may_look_around_and_no_more(service: Service) -> None:
    stranger = service.client()
    assert stranger.run('{ channels { code } products(skus: ["milk"]) { available } ruleset { hash } }')
    for document in ('{ cart(id: "x") { id } }', "{ activeCart { id } }", "mutation { cartCreate { version } }"):
        assert stranger.error(document)["extensions"]["code"] == "TOKEN_MISSING"
    refused = stranger.post("mutation { cartCreate { version } }")
    assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")


def test_scopes_of_shoppers_count_for_nothing() -> None:
    authority = TokenAuthority(SECRET)
    shopper = authority.caller(signed(scopes="cart:read service"))
    assert shopper.scopes == {"cart:read", "service"}
    assert not any(shopper.may(scope) for scope in ("cart:read", "service"))  # type: ignore[arg-type]


def test_a_minted_token_says_what_it_was_minted_for() -> None:
    authority = TokenAuthority(SECRET, issuer="us", audience="carts")
    caller = Caller(CallerKind.TERMINAL, "till-1", "pos", "south", "d1", frozenset({"cart:read"}))  # type: ignore[arg-type]
    assert authority.caller(authority.mint(caller, 60)) == caller


@pytest.mark.parametrize(
    ("claims", "message"),
    [
        ({}, "the claim `iss` is missing"),
        ({"iss": "x", "aud": "carts"}, "another issuer"),
        ({"iss": "us", "aud": "x"}, "another audience"),
    ],
)
def test_issuer_and_audience_are_checked_where_configured(claims: dict[str, str], message: str) -> None:
    authority = TokenAuthority(SECRET, issuer="us", audience="carts")
    with pytest.raises(TokenError, match=message):
        authority.caller(signed(**claims))


def test_a_token_is_remembered_until_it_expires_and_no_longer() -> None:
    now = [time.time()]
    authority = TokenAuthority(SECRET, now_s=lambda: now[0])
    token = authority.mint(Caller(CallerKind.GUEST, "g"), 60)
    assert authority.caller(token) is authority.caller(token)
    now[0] += 120
    for _ in range(2):
        with pytest.raises(TokenError) as refused:
            authority.caller(token)
        assert refused.value.code is TokenFault.EXPIRED


def _jwk(key: Any, kid: str, algorithm: str) -> dict[str, Any]:
    made: dict[str, Any] = jwt.get_algorithm_by_name(algorithm).to_jwk(key.public_key(), as_dict=True)
    return {**made, "kid": kid}


KEYS: dict[str, Any] = {
    "RS256": rsa.generate_private_key(public_exponent=65537, key_size=2048),
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
}
JWKS = {"keys": [_jwk(key, f"{name}-1", name) for name, key in KEYS.items()]}


@pytest.mark.parametrize("algorithm", list(KEYS))
def test_public_keys_check_tokens_by_their_kid(algorithm: str, tmp_path: Path) -> None:
    file = tmp_path / "jwks.json"
    file.write_text(json.dumps(JWKS), encoding="utf-8")
    token = jwt.encode(CLAIMS, KEYS[algorithm], algorithm=algorithm, headers={"kid": f"{algorithm}-1"})
    for authority in (TokenAuthority(jwks=JWKS), TokenAuthority(SECRET, file)):
        assert authority.caller(token).id == "ada"
        with pytest.raises(TokenError):
            authority.caller(jwt.encode(CLAIMS, KEYS[algorithm], algorithm=algorithm, headers={"kid": "other"}))
        with pytest.raises(TokenError):
            authority.caller(jwt.encode(CLAIMS, KEYS[algorithm], algorithm=algorithm))


def test_a_public_key_is_no_secret() -> None:
    """The classic confusion: an HS256 token signed with the text of a public key."""
    public = KEYS["RS256"].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    head = {"alg": "HS256", "typ": "JWT", "kid": "RS256-1"}
    signing = ".".join(
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in (head, CLAIMS)
    )
    digest = jwt.get_algorithm_by_name("HS256").sign(signing.encode(), public)
    token = f"{signing}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"
    for authority in (TokenAuthority(jwks=JWKS), TokenAuthority(SECRET, JWKS)):
        with pytest.raises(TokenError, match="key or algorithm"):
            authority.caller(token)


@pytest.mark.parametrize(
    ("secret", "jwks", "message"),
    [
        (None, None, "tokens cannot be checked"),
        ("short", None, "HS256 needs at least 32 bytes"),
        (None, {"keys": []}, "holds no key"),
        (None, {}, "not a set of public keys"),
        (None, {"keys": [{"kty": "oct", "k": "AAAA", "kid": "a"}]}, "the key `a` is not public"),
        (None, {"keys": [{**JWKS["keys"][0], "alg": "HS256"}]}, "checks RS256, not `HS256`"),
        (None, {"keys": [{**JWKS["keys"][0], "kid": None, "use": "enc"}]}, "not for signatures"),
        (None, {"keys": [{"kty": "EC", "crv": "secp256k1", "kid": "a"}]}, "unknown kind"),
        (None, Path("/nowhere/jwks.json"), "/nowhere/jwks.json"),
    ],
)
def test_keys_that_cannot_be_used_are_refused_at_start(secret: str | None, jwks: Any, message: str) -> None:
    with pytest.raises(KeysError, match=message):
        TokenAuthority(secret, jwks)


def test_a_service_that_only_checks_tokens_starts_no_session(store_url: str, shop: Snapshot) -> None:
    with Service(store_url, shop, tokens=TokenAuthority(jwks=JWKS)).run() as checking:
        session = checking.client().run("mutation { sessionCreate { token userErrors { code message } } }")[
            "sessionCreate"
        ]
    assert (session["token"], session["userErrors"][0]["code"]) == (None, "FORBIDDEN")
    assert "issues no tokens" in session["userErrors"][0]["message"]


def test_without_a_secret_nothing_is_signed() -> None:
    with pytest.raises(KeysError, match="no secret to sign"):
        TokenAuthority(jwks=JWKS).mint(Caller(CallerKind.GUEST, "g"), 60)
