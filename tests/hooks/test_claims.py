"""Claims of deliveries: lanes, turns of targets, room, and the head of each key, on both
databases."""

from relay.storage import sends, work
from relay.storage.database import Database
from relay.storage.sends import BULK, FIRST, LATER, Room
from relay.storage.work import Kind, NewWork

A, B, C = 6, 10, 14
WIDE = Room()


def due(db: Database, *rows: tuple[int, int, int] | tuple[int, int, int, int]) -> None:
    """Rows of (id, target, lane) and perhaps a key."""
    with db.write() as conn:
        made = [
            NewWork(id=r[0], org=1, target=r[1], lane=r[2], okey=r[3] if len(r) > 3 else None)
            for r in rows
        ]
        work.add(db, conn, Kind.DELIVERY, made)


def taken(found: list[sends.Sending]) -> list[int]:
    return [one.id for one in found]


def test_each_target_has_its_turn_however_much_waits_for_another(db: Database) -> None:
    due(db, *[(n, A, FIRST) for n in range(1, 41)], (50, B, FIRST), (51, C, FIRST))
    found = sends.backlog(db, FIRST, Room(each=5), seconds=60, token=1)
    assert taken(found) == [1, 2, 3, 4, 5, 50, 51]


def test_a_target_without_room_is_not_fetched(db: Database) -> None:
    due(db, (1, A, FIRST), (2, A, FIRST), (3, B, FIRST), (4, B, FIRST))
    room = Room(each=5, rooms={A: 0, B: 1})
    assert taken(sends.claim(db, [1, 2, 3, 4], room, seconds=60, token=1)) == [3]
    assert taken(sends.backlog(db, FIRST, room, seconds=60, token=2)) == [4]


def test_a_target_that_takes_more_than_others_is_claimed_more_of(db: Database) -> None:
    due(db, *[(n, A, FIRST) for n in range(1, 9)], *[(n, B, FIRST) for n in range(11, 19)])
    room = Room(each=2, rooms={A: 6})
    ids = [*range(1, 9), *range(11, 19)]
    assert taken(sends.claim(db, ids, room, seconds=60, token=1)) == [1, 2, 3, 4, 5, 6, 11, 12]


def test_a_lane_is_asked_for_by_itself(db: Database) -> None:
    due(db, (1, A, LATER), (2, B, BULK), (3, C, FIRST))
    for lane, id in ((FIRST, 3), (LATER, 1), (BULK, 2)):
        assert sends.overdue(db, lane, limit=10, grace=0) == [id]
        assert taken(sends.backlog(db, lane, WIDE, seconds=60, token=1)) == [id]
        assert sends.overdue(db, lane, limit=10, grace=0) == []


def test_of_a_key_the_head_alone_is_taken(db: Database) -> None:
    due(db, (1, A, FIRST, 7), (2, A, FIRST, 7), (3, A, FIRST, 8))
    assert taken(sends.claim(db, [1, 2, 3], WIDE, seconds=60, token=1)) == [1, 3]
    assert taken(sends.heads(db, [7], WIDE, seconds=60, token=2)) == []
    with db.write() as conn:
        work.fence(db, conn, Kind.DELIVERY, [1], token=1)
    assert taken(sends.heads(db, [7], WIDE, seconds=60, token=2)) == [2]


def test_what_is_let_go_of_is_due_at_once_or_after_its_wait(db: Database) -> None:
    due(db, (1, A, FIRST), (2, A, FIRST))
    one, two = sends.claim(db, [1, 2], WIDE, seconds=60, token=1)
    with db.write() as conn:
        sends.release(db, conn, [one])
        sends.again(db, conn, {two: 300.0}, lane=LATER)
    assert taken(sends.claim(db, [1, 2], WIDE, seconds=60, token=2)) == [1]
    with db.write() as conn:
        assert sends.hasten(db, conn, 2, lane=LATER)
    assert taken(sends.backlog(db, LATER, WIDE, seconds=60, token=3)) == [2]


def test_what_is_in_flight_is_not_forgotten_with_its_target(db: Database) -> None:
    due(db, (1, A, FIRST), (2, A, FIRST), (3, B, FIRST))
    sends.claim(db, [1], WIDE, seconds=60, token=1)
    with db.write() as conn:
        assert sends.forget(db, conn, A) == [2]
        assert sends.drop(db, conn, [1, 3]) == [3]


def test_a_lease_that_another_has_now_changes_nothing(db: Database) -> None:
    due(db, (1, A, FIRST), (2, A, FIRST), (3, A, FIRST))
    late, one, two = sends.claim(db, [1, 2, 3], WIDE, seconds=0, token=1)
    (taken_over,) = sends.claim(db, [1], WIDE, seconds=60, token=2)
    with db.write() as conn:
        assert sends.hold(db, conn, [late, one], seconds=60) == {one}
        assert sends.finish(db, conn, [late, two]) == {two}
        sends.release(db, conn, [late])
        assert sends.finish(db, conn, [taken_over, late]) == {taken_over}
