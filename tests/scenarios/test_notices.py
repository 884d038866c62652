"""People are told once an hour of what fails, with how often, and once when it works again."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes
from email.message import Message
from socket import socket

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from sqlalchemy import update

from relay.core.errors import InvalidInput, NotFound, PermanentError
from relay.mail import send
from relay.pipeline import arrange, connect, rules, subscribe
from relay.pipeline import troubles as troubles_of
from relay.storage.hooks import set_hook_state
from relay.storage.tables.deliveries import deliveries
from relay.storage.tables.identity import organizations
from relay.storage.tables.notices import mails, troubles
from relay.storage.tables.setup import connections
from tests.scenarios.house import House

TEXT = """\
version: 1
rules:
  - id: bill-it
    name: Bill a won deal
    owner: revops@example.com
    when: { changed: status, list: Deals, to: Deal Won }
    do:
      - use: crm.update_item
        with: { item: "${item.plan == 'annual' ? 'no-such-item' : item.id}", fields: { seats: 1 } }
    notify: [owner, "channel:sales-channel"]
"""
DEALS = ("Northwind onboarding", "Granite workshop")


class Mailbox:
    """A mail server that takes everything, or refuses a recipient."""

    def __init__(self) -> None:
        self.mails: list[Message] = []

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: object
    ) -> str:
        if address.startswith("nobody@"):
            return "550 no such person"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        assert isinstance(envelope.content, bytes)
        self.mails.append(message_from_bytes(envelope.content))
        return "250 OK"

    @property
    def subjects(self) -> list[str]:
        return [str(mail["Subject"]) for mail in self.mails]


@pytest.fixture
def mailbox() -> Iterator[tuple[Mailbox, str]]:
    box = Mailbox()
    with socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield box, f"smtp://127.0.0.1:{port}"
    finally:
        controller.stop()


def real(house: House, smtp_url: str | None) -> None:
    """The house in the hands of a real organization, with a mail server."""
    with house.runtime.db.write() as conn:
        conn.execute(update(organizations).values(is_test=False, config_version=1000, name="Acme"))
    house.runtime = replace(
        house.runtime, settings=replace(house.runtime.settings, smtp_url=smtp_url)
    )
    house.engine.runtime = house.runtime


def win(house: House, deal: str, plan: str) -> None:
    house.set("Deals", deal, "Plan", plan)
    house.set("Deals", deal, "Status", "Lead")
    house.set("Deals", deal, "Status", "Deal Won")
    house.settle()
    house.engine.sweep()
    house.settle()


def an_hour_goes_by(house: House) -> None:
    with house.runtime.db.write() as conn:
        before = house.runtime.clock.now() - timedelta(hours=1)
        conn.execute(update(troubles).values(told_at=before))
    house.engine.sweep()
    house.settle()


def test_one_mail_an_hour_with_the_count_and_one_when_it_works_again(
    house: House, mailbox: tuple[Mailbox, str]
) -> None:
    box, url = mailbox
    real(house, url)
    rules.apply(house.runtime, house.made.org, {"rules/bill.yaml": TEXT}, by="me")
    for _ in range(3):
        win(house, DEALS[0], "annual")
    assert box.subjects == ["[Acme] Bill a won deal failed"]
    run = house.runs("bill-it")[0]
    assert box.mails[0]["To"] == "revops@example.com"
    assert f"{house.base_url}/runs/run_{run.id}" in str(box.mails[0].get_payload())
    an_hour_goes_by(house)
    assert box.subjects[1:] == ["[Acme] Bill a won deal failed 2 times"]
    an_hour_goes_by(house)
    assert len(box.subjects) == 2
    win(house, DEALS[1], "one-off")
    assert box.subjects[2:] == ["[Acme] Bill a won deal works again"]
    win(house, DEALS[1], "one-off")
    assert len(box.subjects) == 3
    sent = house.rows(deliveries, target_kind="target")
    assert [row.type for row in sent] == ["trouble.began", "trouble.went_on", "trouble.ended"]


def test_a_test_organization_keeps_its_mails_and_sends_none(house: House) -> None:
    rules.apply(house.runtime, house.made.org, {"rules/bill.yaml": TEXT}, by="me")
    win(house, DEALS[0], "annual")
    (mail,) = house.rows(mails)
    assert (mail.state, mail.recipient) == ("captured", "revops@example.com")
    assert [row.state for row in house.rows(deliveries, target_kind="target")] == ["captured"]


def test_the_owners_are_told_of_a_connection_a_hook_and_rules_that_stand_still(
    house: House, mailbox: tuple[Mailbox, str]
) -> None:
    box, url = mailbox
    real(house, url)
    now = house.runtime.clock.now()
    with house.runtime.db.write() as conn:
        conn.execute(
            update(connections)
            .where(connections.c.name == "recurly")
            .values(state="needs_reconnect", reason="answered 401", used_at=now)
        )
    new = subscribe.NewHook(url="http://127.0.0.1:9/in", event="form.submitted")
    hook = subscribe.subscribe(house.runtime, house.made.org, new, by="me").hook.id
    with house.runtime.db.write() as conn:
        set_hook_state(conn, house.made.org, hook, "disabled", "gone: answered 410")
    connect.change(house.runtime, house.made.org, "recurly", by="me",
                   settings={"notify": "owner, channel:sales-channel"})  # fmt: skip
    with pytest.raises(rules.Refused):
        rules.apply(house.runtime, house.made.org, {"rules/bill.yaml": "version: 2"}, by="me")
    for _ in range(2):
        house.engine.sweep()
        house.settle()
    assert sorted(box.subjects) == [
        "[Acme] The connection recurly has to be connected again",
        f"[Acme] The hook hook_{hook} was disabled; what it would be told is held",
        "[Acme] The last rules were refused; those before them are live",
    ]
    arrange.pause_connection(house.runtime, house.made.org, "recurly", paused=False, by="me")
    subscribe.set_state(house.runtime, house.made.org, f"hook_{hook}", "active", by="me")
    rules.apply(house.runtime, house.made.org, {"rules/bill.yaml": TEXT}, by="me")
    for _ in range(2):
        house.engine.sweep()
        house.settle()
    assert sorted(box.subjects[3:]) == [
        "[Acme] The connection recurly works again",
        f"[Acme] The hook hook_{hook} is no longer disabled",
        "[Acme] The set of rules works again",
    ]
    sent = house.rows(deliveries, target_kind="target")
    assert [row.type for row in sent] == ["trouble.began", "trouble.ended"]


@pytest.mark.parametrize(
    ("notify", "said"),
    [
        ("ann@example.com", "is owner, email:ADDRESS or channel:TARGET"),
        ("channel:nowhere", "there is no target 'nowhere'"),
    ],
)
def test_who_cannot_be_told_of_a_connection_is_refused(
    small_house: House, notify: str, said: str
) -> None:
    with pytest.raises(InvalidInput, match=said):
        connect.change(small_house.runtime, small_house.made.org, "recurly", by="me",
                       settings={"notify": notify})  # fmt: skip


def test_in_quiet_hours_notices_wait_and_what_passes_in_them_is_nobodys_news(
    house: House, mailbox: tuple[Mailbox, str]
) -> None:
    box, url = mailbox
    real(house, url)
    rules.apply(house.runtime, house.made.org, {"rules/bill.yaml": TEXT}, by="me")

    def quiet(hours: int) -> None:
        """From that many hours before now to one after it; 0: no more."""
        now = house.runtime.clock.now()
        begin, end = now - timedelta(hours=hours), now + timedelta(hours=1)
        text = f"{begin:%H:%M}-{end:%H:%M}" if hours else "none"
        arrange.change_organization(house.runtime, house.made.org, by="me", quiet_hours=text)
        house.engine.sweep()
        house.settle()

    quiet(1)
    for _ in range(2):
        win(house, DEALS[0], "annual")
    assert box.mails == []
    quiet(0)
    assert box.subjects == ["[Acme] Bill a won deal failed 2 times"]
    win(house, DEALS[1], "one-off")
    assert box.subjects[1:] == ["[Acme] Bill a won deal works again"]
    quiet(1)
    win(house, DEALS[0], "annual")
    win(house, DEALS[1], "one-off")
    quiet(0)
    assert len(box.mails) == 2


def test_a_test_notice_shows_whether_notices_arrive(
    house: House, mailbox: tuple[Mailbox, str]
) -> None:
    box, url = mailbox
    real(house, url)
    troubles_of.try_out(house.runtime, house.made.org, "email:ann@example.com", by="me")
    arrange.test_target(house.runtime, house.made.org, "sales-channel", by="me")
    house.engine.sweep()
    house.settle()
    assert box.subjects == ["[Acme] A test notice"]
    (told,) = house.rows(deliveries, target_kind="target")
    assert told.type == "trouble.test"
    with pytest.raises(NotFound, match="no channel 'nobody'"):
        troubles_of.try_out(house.runtime, house.made.org, "channel:nobody", by="me")


def test_a_mail_waits_for_its_server_and_gives_up_on_who_is_not_there(
    house: House, mailbox: tuple[Mailbox, str]
) -> None:
    box, url = mailbox
    real(house, "smtp://127.0.0.1:9")
    rules.apply(house.runtime, house.made.org, {"rules/bill.yaml": TEXT}, by="me")
    win(house, DEALS[0], "annual")
    (mail,) = house.rows(mails)
    assert (mail.state, mail.attempts) == ("pending", 1)
    assert "cannot be reached" in mail.reason
    house.runtime = replace(house.runtime, settings=replace(house.runtime.settings, smtp_url=url))
    house.engine.runtime = house.runtime
    house.later()
    house.settle()
    assert [row.state for row in house.rows(mails)] == ["delivered"]
    with pytest.raises(PermanentError, match=r"refused nobody@.*: 550"):
        send(url, sender="relay@a.example", recipient="nobody@example.com", subject="x", body="y")
    with pytest.raises(PermanentError, match="is no address"):
        send(url, sender="a@a.example", recipient="a@b.example\nBcc: c", subject="x", body="y")
    assert len(box.mails) == 1
