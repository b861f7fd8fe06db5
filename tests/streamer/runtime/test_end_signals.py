"""Which signals end a program as Ctrl-C does, and do not end its workers, on each system."""

import signal
from types import SimpleNamespace

import pytest

from streamer.runtime.end_signals import end_as_ctrl_c_does, ignore_ctrl_c


@pytest.mark.parametrize("names", [("SIGTERM",), ("SIGTERM", "SIGBREAK")], ids=["Linux and macOS", "Windows"])
def test_every_signal_of_the_system_that_asks_for_an_end_raises_keyboard_interrupt(names):
    handlers = {}
    system = SimpleNamespace(
        signal=handlers.__setitem__, default_int_handler=signal.default_int_handler, **{name: name for name in names}
    )
    end_as_ctrl_c_does(system)
    assert handlers == dict.fromkeys(names, signal.default_int_handler)


@pytest.mark.parametrize("names", [("SIGINT",), ("SIGINT", "SIGBREAK")], ids=["Linux and macOS", "Windows"])
def test_a_worker_ignores_what_its_terminal_sends_to_all(names):
    handlers = {}
    ignore_ctrl_c(
        SimpleNamespace(signal=handlers.__setitem__, SIG_IGN=signal.SIG_IGN, **{name: name for name in names})
    )
    assert handlers == dict.fromkeys(names, signal.SIG_IGN)
