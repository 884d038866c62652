"""Records that are asked for again."""

import pytest
from sqlalchemy.exc import OperationalError

from relay.pipeline.insist import insist


def failing(times: int) -> list[int]:
    return list(range(times))


def test_a_record_is_asked_for_again_until_the_database_is_back() -> None:
    left = failing(2)

    def record() -> str:
        if left:
            left.pop()
            raise OperationalError("SELECT 1", {}, Exception("it is in recovery mode"))
        return "written"

    assert insist(record, pauses=(0, 0, 0)) == "written"


def test_what_does_not_come_back_is_told_and_what_is_our_own_fault_at_once() -> None:
    tries: list[int] = []

    def away() -> None:
        tries.append(1)
        raise OperationalError("SELECT 1", {}, Exception("away"))

    def wrong() -> None:
        tries.append(1)
        raise LookupError

    with pytest.raises(OperationalError):
        insist(away, pauses=(0, 0))
    assert len(tries) == 3
    with pytest.raises(LookupError):
        insist(wrong)
    assert len(tries) == 4
