"""Captured requests that ship with each provider: what the tests read and `send-sample` sends.

A case is `samples/<case>.request.<json|form|multipart|xml|txt>`, the bytes as they were sent.
Beside it may stand `<case>.headers.json`, `<case>.query.json`, the source's `<case>.options.json`,
and, always, `<case>.events.json`: what the request must become.
"""

import json
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

from relay.core.errors import NotFound
from relay.integration import InboundRequest, Integration, SourceConfig

# `2026-11-24T08:58:09.923Z`, and what a form makes of `2026-11-24 08:58:09`.
_TIME = re.compile(r"\d{4}-\d\d-\d\d([T+ ])\d\d(:|%3A)\d\d(?::|%3A)\d\d(?:\.\d+)?(Z?)")
A_DAY = 24 * 60 * 60
_DIGITS = re.compile(r"\d+$")
ADDRESS = "https://relay.example.com/in/sample/token"
CONTENT_TYPES = {
    ".json": "application/json",
    ".form": "application/x-www-form-urlencoded",
    ".xml": "application/xml",
    ".txt": "text/plain",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One captured request. `options` are the source's settings it belongs to."""

    name: str
    path: Path
    body: bytes
    headers: Mapping[str, str]
    query: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, object] = field(default_factory=dict)


def samples(integration: Integration) -> Sequence[Sample]:
    """All cases of a provider, by name."""
    return [_read(path) for path in sorted((integration.folder / "samples").glob("*.request.*"))]


def cases(integration: Integration, options: Mapping[str, object] | None = None) -> Sequence[str]:
    """The names of its cases for a source with these options, the one that is sent unless another
    is asked for first: the usual one, else the one made for most of these options; at the end
    those that were made for others."""
    told = {name: str(value).lower() for name, value in (options or {}).items()}

    def order(sample: Sample) -> tuple[bool, bool, int]:
        fitting = [told.get(name) == str(wanted).lower() for name, wanted in sample.options.items()]
        return not all(fitting), sample.name != integration.sample, -sum(fitting)

    return [each.name for each in sorted(samples(integration), key=order)]


def chosen(
    integration: Integration,
    case: str | None = None,
    options: Mapping[str, object] | None = None,
) -> Sample:
    """A case by name, else the usual one. Raises NotFound where the provider has none such."""
    known = cases(integration, options)
    wanted = case or (known[0] if known else "")
    found = [each for each in samples(integration) if each.name == wanted]
    if not found:
        raise NotFound(f"{integration.title} has no sample {wanted!r}: {', '.join(known)}")
    return found[0]


def sample_request(
    integration: Integration, config: SourceConfig, now: datetime, case: str | None = None
) -> tuple[dict[str, str], bytes]:
    """Headers and body of a case (the usual one where none is named), authentic for this source.

    Raises NotFound where the provider has no such case.
    """
    sample = placed(integration, chosen(integration, case), config)
    return signed(integration, sample, config, now), sample.body


def fresh(integration: Integration, sample: Sample, now: datetime) -> Sample:
    """The sample as another delivery: what names it is another text."""
    body, headers = sample.body, dict(sample.headers)
    for text in integration.fresh:
        other = _other(text, now)
        body = body.replace(text.encode(), other.encode())
        headers = {name: value.replace(text, other) for name, value in headers.items()}
    return replace(sample, body=body, headers=headers)


def _other(text: str, now: datetime) -> str:
    """A time is one of the last day, in the same shape: some senders tell deliveries apart by the
    second. Else the end of the text is another, of the same kind."""
    if found := _TIME.fullmatch(text):
        now -= timedelta(seconds=secrets.randbelow(A_DAY))
        between, colon, zone = found[1], found[2], found[3]
        clock = colon.join(f"{part:02}" for part in (now.hour, now.minute, now.second))
        fraction = f".{now.microsecond:06}" if between == "T" else ""
        return f"{now.date().isoformat()}{between}{clock}{fraction}{zone}"
    if digits := _DIGITS.search(text):
        smallest = 10 ** (max(len(digits[0]), 9) - 1)
        return text[: digits.start()] + str(smallest + secrets.randbelow(9 * smallest))
    return text[:-8] + secrets.token_hex(4)


def placed(integration: Integration, sample: Sample, config: SourceConfig) -> Sample:
    """The sample with this source's secret in its body, where its sender hides it there."""
    source = integration.source
    return sample if source is None else replace(sample, body=source.place(sample.body, config))


def signed(
    integration: Integration, sample: Sample, config: SourceConfig, now: datetime
) -> dict[str, str]:
    """The sample's headers and those that make it authentic."""
    source = integration.source
    extra = source.sign(sample.body, config, now) if source and source.sign else {}
    return {**sample.headers, **extra}


def inbound(sample: Sample, headers: Mapping[str, str], now: datetime) -> InboundRequest:
    """The sample as a request that came now."""
    return InboundRequest(
        method="POST",
        url=ADDRESS,
        headers=headers,
        body=sample.body,
        received_at=now,
        query=sample.query,
    )


def _read(path: Path) -> Sample:
    name = path.name.split(".request.")[0]
    headers = {"content-type": CONTENT_TYPES[path.suffix]} if path.suffix in CONTENT_TYPES else {}
    given = {each.lower(): str(value) for each, value in _beside(path, name, "headers").items()}
    return Sample(
        name=name,
        path=path,
        body=path.read_bytes(),
        headers=headers | given,
        query={each: str(value) for each, value in _beside(path, name, "query").items()},
        options=_beside(path, name, "options"),
    )


def _beside(path: Path, name: str, what: str) -> dict[str, object]:
    file = path.with_name(f"{name}.{what}.json")
    return dict(json.loads(file.read_text())) if file.exists() else {}
