"""Signals end every command at once, with one line and nothing partial; see interrupts.py."""

import signal
import subprocess
import sys
import threading

import pytest
from interrupts import interrupt
from small_runs import one_line

from bsnunu_jax import cli
from bsnunu_jax.commands import lookups

INT, TERM = signal.SIGINT, signal.SIGTERM


@pytest.mark.parametrize(
    ("name", "after", "signals"),
    [
        ("fit", 0.0, (INT,)),  # while JAX is imported
        ("fit", 3.5, (INT,)),  # while programs are compiled
        ("limit", 3.0, (INT, INT)),
        ("scan", 2.5, (TERM,)),
        ("predict", 0.7, (INT, INT, INT)),
    ],
)
def test_a_signal_ends_a_command_at_once(name, after, signals, tmp_path, monkeypatch):
    # compiled as slowly as for a user
    monkeypatch.delenv("JAX_DISABLE_MOST_OPTIMIZATIONS", raising=False)
    found = interrupt(name, tmp_path, "off", after, signals)
    assert found.fault == ""
    assert found.code in (0, 128 + signals[0])


_SENT_WHILE_PYTHON_ENDS = """
import os, signal, sys
from bsnunu_jax.foundation import interrupts
interrupts.listen()
class Late:
    def __del__(self, kill=os.kill, pid=os.getpid()):
        for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            kill(pid, signum)
late = Late()
"""


def test_a_signal_while_python_ends_changes_no_exit_code():
    """What was to do is done; Python has taken its handlers away."""
    done = subprocess.run(
        [sys.executable, "-c", _SENT_WHILE_PYTHON_ENDS], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_keyboard_interrupt_of_a_program_that_calls_main(monkeypatch, capsys):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(lookups.list_, "callback", interrupted)
    before = signal.getsignal(INT)
    with pytest.raises(SystemExit) as caught:
        cli.main(["list", "models"])
    assert caught.value.code == 130
    assert one_line(capsys.readouterr().err) == "bsnunu: error: interrupted"
    assert signal.getsignal(INT) is before


def test_main_may_run_in_a_thread(capsys):
    codes = []

    def work():
        try:
            cli.main(["list", "presets"])
        except SystemExit as error:
            codes.append(error.code)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert codes == [0]
    assert capsys.readouterr().err == ""
    assert sys.stderr is not None
