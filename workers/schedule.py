"""What beat wakes, and how often."""

from typing import Any

SWEEP_SECONDS = 5.0

SCHEDULE: dict[str, dict[str, Any]] = {
    # A sweep that finds nothing costs one index look-up; one that comes late has no use.
    "sweep": {
        "task": "relay.sweep",
        "schedule": SWEEP_SECONDS,
        "options": {"expires": SWEEP_SECONDS * 2},
    },
}
