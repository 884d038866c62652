"""What a provider may offer: a source, a connector, a sandbox; bundled as an Integration.

A provider's folder under `relay/integrations/` holds one of each it has, and `INTEGRATION`
bundles them. They are frozen bundles of functions: nothing here is inherited.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from relay.integration.connectors import (
    Asked,
    Call,
    Connection,
    Connector,
    Consent,
    Credentials,
    Deal,
    Granted,
    InBooks,
    Output,
    Pace,
    Span,
)
from relay.integration.sandboxes import (
    Books,
    Document,
    Notification,
    Sandbox,
    SandboxRequest,
)
from relay.integration.sources import (
    COMMON_OPTIONS,
    KEEP_REFUSED,
    Accepted,
    Answer,
    Brought,
    InboundRequest,
    Lookup,
    Source,
    SourceConfig,
)

__all__ = [
    "COMMON_OPTIONS",
    "KEEP_REFUSED",
    "SETUP",
    "Accepted",
    "Answer",
    "Asked",
    "Books",
    "Brought",
    "Call",
    "Connection",
    "Connector",
    "Consent",
    "Credentials",
    "Deal",
    "Document",
    "Granted",
    "InBooks",
    "InboundRequest",
    "Integration",
    "Lookup",
    "Notification",
    "Output",
    "Pace",
    "Sandbox",
    "SandboxRequest",
    "Source",
    "SourceConfig",
    "Span",
]

SETUP = "## Set up the source"


@dataclass(frozen=True, slots=True, kw_only=True)
class Integration:
    """Everything about one provider. `folder` holds its README.md and samples/; `sample` is the
    case that is sent to try a source out, the first one where none is named, and `fresh` are the
    texts in it that name the delivery: each time it is sent they are others."""

    name: str
    title: str
    folder: Path
    sample: str = ""
    fresh: Sequence[str] = ()
    source: Source | None = None
    connector: Connector | None = None
    sandbox: Sandbox | None = None

    def setup(self) -> str:
        """How the source is set up at the sender, from its README.md: what stands below the
        heading that every one of them has."""
        page = (self.folder / "README.md").read_text("utf-8")
        below = page.partition(f"\n{SETUP}\n")[2]
        return re.split(r"^## ", below, maxsplit=1, flags=re.MULTILINE)[0].strip()
