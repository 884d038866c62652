"""PUT /events: an entry in the Stream of every item that has a participating contact."""

from collections.abc import Mapping

from flask import Response, request

from relay.core.access import Caller
from relay.core.errors import InvalidInput
from relay.crm.embedded import records, stream
from relay.crm.embedded.contacts import digits
from relay.crm.embedded.desk import Desk
from relay.crm.limits import LONGEST_ADDRESS, check_text, refused
from relay.people import phone
from relay.web.v2.answers import empty
from relay.web.v2.requests import asked, body, needed, text_of
from relay.web.v2.site import Site, author_of

MOST = 5


def post(site: Site, caller: Caller) -> Response:
    """Participants need not be known contacts (recorded: an invented address got 204)."""
    asked(request)
    sent = body(request)
    emails, phones = _participants(sent.get("participantIds"))
    entry = stream.Post(
        subject=needed(text_of(sent, "subject"), "subject"),
        body=needed(text_of(sent, "body"), "body"),
        author=author_of(caller),
        emails=emails,
        phones=phones,
    )

    def work(desk: Desk) -> None:
        records.post(desk, [entry])

    site.write(caller.org, work)
    return empty()


def _participants(sent: object) -> tuple[list[str], list[str]]:
    if sent is not None and not isinstance(sent, list):
        raise refused("participantIds", "must be an array")
    if not sent or len(sent) > MOST:
        # These are the words for none at all, too (recorded).
        raise InvalidInput("Events cannot have more than 5 participants")
    emails: list[str] = []
    phones: list[str] = []
    for one in sent:
        value = one.get("value") if isinstance(one, Mapping) else None
        if not isinstance(value, str) or not value:
            raise refused("participantIds", "needs a type and a value in each entry")
        check_text("participantIds", value, LONGEST_ADDRESS)
        match one.get("type"):
            case "email":
                emails.append(value.lower())
            case "phone":
                phones.append(digits(phone(value) or value))
            case other:
                raise refused("participantIds", f"has the type {other!r}: email or phone")
    return emails, phones
