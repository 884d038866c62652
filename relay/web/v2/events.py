"""PUT /events: an entry in the Stream of every item that has a participating contact."""

from collections.abc import Mapping

from flask import Response, request

from relay.core.access import Caller
from relay.core.errors import InvalidInput
from relay.crm.embedded import stream
from relay.crm.embedded.contacts import digits
from relay.crm.embedded.desk import Desk
from relay.people import phone
from relay.web.v2.answers import empty
from relay.web.v2.requests import asked, body, needed
from relay.web.v2.site import Site, author_of

MOST = 5


def post(site: Site, caller: Caller) -> Response:
    """Participants need not be known contacts (recorded: an invented address got 204)."""
    asked(request)
    sent = body(request)
    emails, phones = _participants(sent.get("participantIds"))
    entry = stream.Post(
        subject=needed(sent, "subject"),
        body=needed(sent, "body"),
        author=author_of(caller),
        emails=emails,
        phones=phones,
    )

    def work(desk: Desk) -> None:
        stream.post(desk.conn, desk.org, [entry], desk.now_ms)

    site.write(caller.org, work)
    return empty()


def _participants(sent: object) -> tuple[list[str], list[str]]:
    if sent is not None and not isinstance(sent, list):
        raise InvalidInput("participantIds must be an array")
    if not sent or len(sent) > MOST:
        # These are the words for none at all, too (recorded).
        raise InvalidInput("Events cannot have more than 5 participants")
    emails: list[str] = []
    phones: list[str] = []
    for one in sent:
        value = one.get("value") if isinstance(one, Mapping) else None
        if not isinstance(value, str) or not value:
            raise InvalidInput("a participant needs a type and a value")
        match one.get("type"):
            case "email":
                emails.append(value.lower())
            case "phone":
                phones.append(digits(phone(value) or value))
            case other:
                raise InvalidInput(f"a participant's type is email or phone, not {other!r}")
    return emails, phones
