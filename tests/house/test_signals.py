"""What a hang-up means to `relay up`."""

import os
import signal

import pytest

from relay.supervisor.signals import Signals


@pytest.mark.parametrize(("has_terminal", "asked", "hung_up"), [(True, 1, False), (False, 0, True)])
def test_a_hang_up_ends_what_has_a_terminal_and_reads_the_rules_again_else(
    has_terminal: bool, asked: int, hung_up: bool
) -> None:
    with Signals(has_terminal=has_terminal) as signals:
        os.kill(os.getpid(), signal.SIGHUP)
        signals.wait(5)
        assert (signals.asked, signals.hung_up) == (asked, hung_up)
