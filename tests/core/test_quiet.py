"""Quiet hours: when nobody is told of anything."""

from datetime import UTC, datetime

import pytest

from relay.core.errors import InvalidInput
from relay.core.quiet import is_quiet, quiet_hours


@pytest.mark.parametrize(
    ("hours", "zone", "at", "quiet"),
    [
        ("22:00-07:00", "UTC", "21:59", False),
        ("22:00-07:00", "UTC", "22:00", True),
        ("22:00-07:00", "UTC", "06:59", True),
        ("22:00-07:00", "UTC", "07:00", False),
        ("12:00-13:30", "UTC", "13:29", True),
        ("12:00-13:30", "UTC", "13:30", False),
        ("22:00-07:00", "Asia/Tokyo", "14:00", True),
        ("", "UTC", "03:00", False),
    ],
)
def test_hours_are_those_of_the_organization_and_may_go_over_midnight(
    hours: str, zone: str, at: str, quiet: bool
) -> None:
    now = datetime.fromisoformat(f"2026-05-12T{at}:00").replace(tzinfo=UTC)
    assert is_quiet(hours, zone, now) is quiet


def test_hours_are_read_as_people_write_them() -> None:
    assert quiet_hours(" 22:00 - 07:00 ") == "22:00-07:00"
    assert quiet_hours("none") == ""
    for wrong in ("22-7", "24:00-07:00", "07:00-07:00"):
        with pytest.raises(InvalidInput, match="quiet hours"):
            quiet_hours(wrong)
