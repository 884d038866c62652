"""What calls brought, written down in batches."""

import threading
from collections.abc import Sequence

from relay.pipeline.recorder import Recorder


class Book:
    """What was written, batch by batch; the first write waits until it is let go on."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.began = threading.Event()
        self.go_on = threading.Event()

    def write(self, batch: Sequence[int]) -> None:
        self.began.set()
        assert self.go_on.wait(10)
        self.batches.append(list(batch))


def test_what_came_while_another_was_written_goes_together() -> None:
    book = Book()
    recorder = Recorder[int](book.write, most=3, flying=lambda: 1, linger=10.0, name="test")
    recorder.put(1)
    assert book.began.wait(10)
    for one in (2, 3, 4, 5):
        recorder.put(one)
    book.go_on.set()
    recorder.close()
    assert book.batches == [[1], [2, 3, 4], [5]]


def test_one_waits_for_those_that_are_still_in_flight() -> None:
    book, both = Book(), threading.Event()
    book.go_on.set()

    def flying() -> int:
        both.set()  # it has taken the first one, and waits
        return 2

    recorder = Recorder[int](book.write, most=64, flying=flying, linger=10.0, name="test")
    recorder.put(1)
    assert both.wait(10)
    recorder.put(2)
    recorder.close()
    assert book.batches == [[1, 2]]


def test_what_has_come_is_written_before_the_end() -> None:
    book = Book()
    book.go_on.set()
    recorder = Recorder[int](book.write, most=64, flying=lambda: 2, linger=10.0, name="test")
    for one in (1, 2):
        recorder.put(one)
    recorder.close()
    assert [one for batch in book.batches for one in batch] == [1, 2]
