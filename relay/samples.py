"""Captured requests that ship with each provider: what the tests read and `send-sample` sends.

A case is `samples/<case>.request.<json|form|multipart|xml|txt>`, the bytes as they were sent.
Beside it may stand `<case>.headers.json`, `<case>.query.json`, the source's `<case>.options.json`,
and, always, `<case>.events.json`: what the request must become.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from relay.core.errors import NotFound
from relay.integration import InboundRequest, Integration, SourceConfig

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


def cases(integration: Integration) -> Sequence[str]:
    """The names of its cases, the one that is sent unless another is asked for first."""
    names = [each.name for each in samples(integration)]
    return sorted(names, key=lambda name: name != integration.sample)


def chosen(integration: Integration, case: str | None = None) -> Sample:
    """A case by name, else the usual one. Raises NotFound where the provider has none such."""
    known = cases(integration)
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
