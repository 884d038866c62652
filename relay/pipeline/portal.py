"""A link for a subscriber: signed, expiring, and about one hook. Whoever has it sees the hook's
deliveries, may send one again, and may change the secret; nothing else of the organization."""

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import orjson

from relay.core.errors import InvalidInput, NotFound
from relay.core.hook import Hook
from relay.core.ids import public
from relay.pipeline.subscribe import hook_called
from relay.runtime import Runtime
from relay.storage import identity

LASTS = timedelta(days=7)
LONGEST = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """What a link lets in to, and until when. `by` is whom the audit log names."""

    hook: Hook
    expires_at: datetime

    @property
    def by(self) -> str:
        return f"subscriber of {public('hook', self.hook.id)}"


def make_link(
    runtime: Runtime, org: int, ref: str, *, by: str, lasts: timedelta = LASTS
) -> tuple[str, datetime]:
    """The address, and when it ends. Raises NotFound or InvalidInput."""
    if not timedelta(minutes=1) <= lasts <= LONGEST:
        raise InvalidInput("a link lasts a minute to 30 days")
    now = runtime.clock.now()
    ends = now + lasts
    with runtime.db.write() as conn:
        hook = hook_called(runtime, conn, org, ref)
        identity.audit(conn, org, by, "portal link made", ref,
                       after={"until": ends.isoformat()}, at=now)  # fmt: skip
    said = _text(orjson.dumps([org, hook.id, int(ends.timestamp())]))
    mark = _mark(runtime.settings.secret_keys[0], said)
    return f"{runtime.settings.base_url}/portal/{said}.{mark}", ends


def opened(runtime: Runtime, token: str) -> Pass:
    """Raises NotFound for a link that is forged, over, or about a hook that is gone: one answer
    for all of them."""
    said, _, mark = token.partition(".")
    known = any(
        hmac.compare_digest(_mark(key, said).encode(), mark.encode("utf-8", "replace"))
        for key in runtime.settings.secret_keys
    )
    if not known:
        raise NotFound("this link is not valid any more")
    try:
        org, hook_id, ends = orjson.loads(base64.urlsafe_b64decode(said + "=" * (-len(said) % 4)))
    except (ValueError, TypeError, binascii.Error) as error:
        raise NotFound("this link is not valid any more") from error
    expires_at = datetime.fromtimestamp(ends, UTC)
    if expires_at <= runtime.clock.now():
        raise NotFound("this link is not valid any more")
    with runtime.db.read() as conn:
        try:
            hook = hook_called(runtime, conn, org, public("hook", hook_id))
        except NotFound as error:
            raise NotFound("this link is not valid any more") from error
    return Pass(hook=hook, expires_at=expires_at)


def _mark(key: bytes, said: str) -> str:
    own = hashlib.sha256(b"relay portal link" + key).digest()
    return _text(hmac.new(own, said.encode("utf-8", "replace"), hashlib.sha256).digest())


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
