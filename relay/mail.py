"""The way out for mails to people: the server of RELAY_SMTP_URL, and no other."""

import smtplib
import ssl
from email.message import EmailMessage
from ipaddress import ip_address
from urllib.parse import unquote, urlsplit

from relay.core.errors import PermanentError, RetryableError

SECONDS = 15.0
_PORTS = {"smtp": 587, "smtps": 465}
_LATER = 500  # answers below may be other ones tomorrow


def send(url: str, *, sender: str, recipient: str, subject: str, body: str) -> None:
    """Hands one mail in. Raises RetryableError, or PermanentError where the server says never.

    A password never goes over the network in the clear: without TLS it is not sent.
    """
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    try:
        message = _message(sender, recipient, subject, body)
    except ValueError as error:
        raise PermanentError(f"{recipient!r} is no address for a mail: {error}") from error
    try:
        with _opened(parts.scheme, host, port) as server:
            _secure(server, parts.scheme, host, has_password=bool(parts.password))
            if parts.username and parts.password:
                server.login(unquote(parts.username), unquote(parts.password))
            server.send_message(message)
    except smtplib.SMTPResponseException as error:
        said = f"the mail server answered {error.smtp_code}"
        raise (RetryableError if error.smtp_code < _LATER else PermanentError)(said) from error
    except smtplib.SMTPRecipientsRefused as error:
        code = next(iter(error.recipients.values()))[0]
        said = f"the mail server refused {recipient}: {code}"
        raise (RetryableError if code < _LATER else PermanentError)(said) from error
    except (smtplib.SMTPException, OSError) as error:
        raise RetryableError(f"the mail server {host} cannot be reached: {error}") from error


def sender_of(url: str, base_url: str) -> str:
    """From whom mails come: the account at the server, or `relay` at our own address."""
    name = unquote(urlsplit(url).username or "")
    return name if "@" in name else f"relay@{urlsplit(base_url).hostname or 'localhost'}"


def _opened(scheme: str, host: str, port: int) -> smtplib.SMTP:
    if scheme == "smtps":
        context = ssl.create_default_context()
        return smtplib.SMTP_SSL(host, port, timeout=SECONDS, context=context)
    return smtplib.SMTP(host, port, timeout=SECONDS)


def _secure(server: smtplib.SMTP, scheme: str, host: str, *, has_password: bool) -> None:
    if scheme == "smtps":
        return
    server.ehlo()
    if server.has_extn("starttls"):
        server.starttls(context=ssl.create_default_context())
        server.ehlo()
    elif has_password and not _is_here(host):
        raise PermanentError(f"{host} offers no TLS: the password is not sent to it")


def _message(sender: str, recipient: str, subject: str, body: str) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"] = sender, recipient
    message["Subject"] = " ".join(subject.split())
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(body)
    return message


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
