"""The ledger of `make chaos` sees what it is there to see."""

from bench.chaos.ledger import Arrival, Ledger


def arrival(number: int, *, id: str = "", sequence: int = 1, taken: bool = True) -> Arrival:
    return Arrival(
        path="a", number=number, id=id or f"evt_{number}", key="kim", sequence=sequence,
        at=1.0, was_taken=taken,
    )  # fmt: skip


def ledger(*arrivals: Arrival, acknowledged: int) -> Ledger:
    made = Ledger()
    for number in range(acknowledged):
        made.acknowledge(number, 0.5)
    for one in arrivals:
        made.arrive(one)
    return made


def test_what_was_acknowledged_and_never_taken_is_lost() -> None:
    kept = ledger(arrival(0), arrival(1, taken=False), acknowledged=3)
    assert kept.judge("a").lost == [1, 2]
    assert kept.missing(["a"]) == 2


def test_the_same_id_again_is_no_double_and_another_id_is_one() -> None:
    found = ledger(arrival(0), arrival(0), arrival(1), arrival(1, id="evt_9"), acknowledged=2)
    assert (found.judge("a").doubled, found.judge("a").again) == ([1], 2)


def test_a_message_before_the_one_before_it_was_taken_is_out_of_order() -> None:
    refused = arrival(0, sequence=1, taken=False)
    early = arrival(1, sequence=2)
    assert ledger(refused, early, acknowledged=0).judge("a", ordered=True).disordered == ["kim"]
    fine = ledger(refused, arrival(0), arrival(0), early, acknowledged=0)
    assert fine.judge("a", ordered=True).disordered == []


def test_how_long_nobody_was_acknowledged_and_how_long_something_was_on_its_way() -> None:
    kept = ledger(arrival(0), acknowledged=1)
    assert kept.silence(0.25) == 0.25
    assert kept.longest_wait("a", 0.0, 0.6) == 0.5
