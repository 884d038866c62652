"""What a request costs before it is stored: each source's own checks, by its sender's sample."""

import hashlib
import hmac
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from bench.harness import Report, in_turns
from relay.integration import InboundRequest, Integration, Source, SourceConfig
from relay.integrations import INTEGRATIONS
from relay.samples import ADDRESS, chosen, inbound, placed, signed

SECONDS = 0.05  # of each side, each round
NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
# Text, hex and base64 at once, for that is how one sender or another writes its key. The older one
# signs, so that both are tried.
NEWER, OLDER = "0123456789abcdef0123456789abcdef", "5f4dcc3b5aa765d61d8327deb882cf99"


def run() -> Report:
    """One process, no server: microseconds for a request."""
    report = Report(
        name="verify",
        about="Each source, its usual sample, two live secrets of which the older one signed:"
        " `verify`, and the whole of what is done before the commit (`verify`, dedupe key,"
        " ordering subject, redaction), beside one HMAC-SHA256 of 1 kB.",
    )
    content = b"x" * 1024
    sides: dict[str, Callable[[], float]] = {
        "one HMAC-SHA256": lambda: _cost(
            lambda: hmac.new(OLDER.encode(), content, hashlib.sha256).hexdigest()
        )
    }
    for name, integration in INTEGRATIONS.items():
        if integration.source is not None:
            sides |= _sides(name, integration, integration.source)
    for name, values in in_turns(sides).items():
        report.add(name, "µs", values)
    return report


def _sides(name: str, integration: Integration, source: Source) -> dict[str, Callable[[], float]]:
    sample = chosen(integration)
    signer = SourceConfig(name=name, secrets=[OLDER], options=sample.options, url=ADDRESS)
    config = SourceConfig(name=name, secrets=[NEWER, OLDER], options=sample.options, url=ADDRESS)
    sample = placed(integration, sample, signer)
    request = inbound(sample, signed(integration, sample, signer, NOW), NOW)
    _whole(source, request, config)  # once, so that what is kept for later is there
    size = f"{len(request.body) / 1024:.1f} kB"
    return {
        f"{name}, {size}: verify": lambda: _cost(lambda: source.verify(replace(request), config)),
        f"{name}, {size}: all before the commit": lambda: _cost(
            lambda: _whole(source, request, config)
        ),
    }


def _whole(source: Source, request: InboundRequest, config: SourceConfig) -> None:
    request = replace(request)  # what was read of it is forgotten
    source.handshake(request, config)
    source.verify(request, config)
    source.brings(request, config)
    source.dedupe_key(request, config)
    source.subject(request, config)
    source.redact(request, config)


def _cost(call: Callable[[], object]) -> float:
    """Microseconds of one call."""
    done, began = 0, time.perf_counter()
    while (spent := time.perf_counter() - began) < SECONDS:
        for _ in range(20):
            call()
        done += 20
    return spent / done * 1e6
