"""The fuzz itself: a hang, a traceback and a mute error fail it, and its shares add up."""

from __future__ import annotations

import time

import pytest
import typer

from harness.commands.common import told
from harness.core.errors import StoreError
from harness.models.nets import within_time
from tests.fuzz import runner


@pytest.fixture
def says(monkeypatch):
    """Puts a command of its own in the place of Bordor's."""

    def put(work):
        app = typer.Typer()
        app.callback()(lambda: None)
        app.command("it")(told(work))
        monkeypatch.setattr(runner, "app", app)
        monkeypatch.setattr(runner, "SLOWEST_S", 1)

    return put


def test_the_shares_of_the_campaign_are_of_10000():
    assert sum(many for _, many in runner.SHARES.values()) == 10_000


def test_a_command_that_hangs_is_no_error_of_its_own(says):
    def slow() -> None:
        with within_time(5, what="a template"):  # clears the alarm
            pass
        time.sleep(10)

    says(slow)
    with pytest.raises(runner.HangError, match="not done after 1 s"):
        runner.command("it")


@pytest.mark.parametrize(
    ("error", "fails"),
    [
        (ZeroDivisionError("x"), "traceback"),
        (StoreError(" "), "says nothing"),
        (StoreError("somewhere: damaged"), "does not name run.json"),
        (StoreError("run.json: damaged"), None),
    ],
)
def test_what_an_error_must_be(says, error, fails):
    def work() -> None:
        raise error

    says(work)
    if fails is None:
        assert runner.command("it", names="run.json") == 1
    else:
        with pytest.raises(pytest.fail.Exception, match=fails):
            runner.command("it", names="run.json")
