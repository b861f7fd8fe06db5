"""Which signals end a program as Ctrl-C does, on each system."""

import signal
from types import SimpleNamespace

import pytest

from streamer.runtime.end_signals import end_as_ctrl_c_does


@pytest.mark.parametrize("names", [("SIGTERM",), ("SIGTERM", "SIGBREAK")], ids=["Linux and macOS", "Windows"])
def test_every_signal_of_the_system_that_asks_for_an_end_raises_keyboard_interrupt(names):
    handlers = {}
    system = SimpleNamespace(
        signal=handlers.__setitem__, default_int_handler=signal.default_int_handler, **{name: name for name in names}
    )
    end_as_ctrl_c_does(system)
    assert handlers == dict.fromkeys(names, signal.default_int_handler)
