"""HTTP Basic authentication (RFC 7617), for senders that prove themselves with a password."""

import base64
from collections.abc import Mapping, Sequence

from relay.core.errors import BadSignature
from relay.core.signing import same_secret

CHALLENGE: Mapping[str, str] = {"www-authenticate": 'Basic realm="relay"'}


def check(headers: Mapping[str, str], pairs: Sequence[str]) -> None:
    """Raises BadSignature unless the header holds one of the pairs `user:password`."""
    kind, _, encoded = headers.get("authorization", "").partition(" ")
    try:
        pair = base64.b64decode(encoded.strip(), validate=True).decode()
    except ValueError as error:
        raise BadSignature("the Authorization header cannot be read") from error
    if kind.lower() != "basic" or not same_secret(pair, pairs):
        raise BadSignature("the user name or the password is wrong")


def header(pair: str) -> dict[str, str]:
    """The header that shows a pair."""
    return {"authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


def pair_of(secret: str, user: str) -> str:
    """A secret with a colon is the whole pair; one without is the password of `user`."""
    return secret if ":" in secret or not secret else f"{user}:{secret}"
