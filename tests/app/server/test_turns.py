"""Many people at once: nobody is looked at before their turn, everybody is told their place, nobody is left behind."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from streamlit.delta_generator import DeltaGenerator
from streamlit.testing.v1 import AppTest

from simam_viz.app.server import turns
from simam_viz.app.server.turns import Turns
from tests.helpers.project import ROOT
from tests.helpers.waiting import nobody, until


class Gone(BaseException):
    """As Streamlit's own signals to a script that nobody looks at any more."""


def waiter(queue: Turns, name: int, log: list, release: threading.Event | None = None) -> threading.Thread:
    def wait() -> None:
        with queue.after_waiting(lambda ahead: log.append((name, ahead))):
            log.append((name, "turn"))
            if release:
                release.wait(20)

    thread = threading.Thread(target=wait)
    before = queue.waiting
    thread.start()
    until(lambda: queue.waiting > before or (name, "turn") in log)
    return thread


def test_first_come_first_served() -> None:
    queue, log = Turns(1), []
    with queue.after_waiting(nobody):
        threads = [waiter(queue, number, log) for number in range(5)]
        assert queue.waiting == 5 and queue.taken == 1
        until(lambda: len({name for name, _ in log}) == 5)
        assert [next(ahead for name, ahead in log if name == number) for number in range(5)] == [1, 2, 3, 4, 5]
    for thread in threads:
        thread.join(20)
    assert [name for name, what in log if what == "turn"] == [0, 1, 2, 3, 4]
    assert queue.waiting == queue.taken == 0


def test_only_the_next_is_woken(monkeypatch: pytest.MonkeyPatch) -> None:
    """What changes for one is no work for all others, and nobody is forgotten who looks no more by themselves."""
    monkeypatch.setattr(turns, "_LOOK_SECONDS", 60.0)
    queue, log = Turns(2), []
    with queue.after_waiting(nobody), queue.after_waiting(nobody):
        threads = [waiter(queue, number, log) for number in range(30)]
        until(lambda: len(log) == 30)
    for thread in threads:
        thread.join(20)
    assert [what for _, what in log].count("turn") == 30 and len(log) == 60, "told once each"


def test_the_more_wait_the_less_often_they_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "_LOOK_SECONDS", 0.0)
    monkeypatch.setattr(turns, "_LOOK_SECONDS_EACH", 20.0)
    queue, log = Turns(1), []
    with queue.after_waiting(nobody):
        threads = [waiter(queue, number, log) for number in range(3)]
        until(lambda: len(log) == 3)
        time.sleep(0.2)
        assert len(log) == 3
    for thread in threads:
        thread.join(20)


def test_never_more_at_once_than_the_cap() -> None:
    queue, log = Turns(3), []
    most, lock, now = 0, threading.Lock(), 0

    def work() -> None:
        nonlocal most, now
        for _ in range(20):
            with queue.after_waiting(lambda _: None):
                with lock:
                    now += 1
                    most = max(most, now)
                time.sleep(0.0005)
                with lock:
                    now -= 1
        log.append("done")

    threads = [threading.Thread(target=work) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(log) == 12 and most == 3 and queue.waiting == queue.taken == 0


def test_who_leaves_while_waiting_or_working_leaves_nothing_behind() -> None:
    queue, log = Turns(1), []

    def vanish(_: int) -> None:
        raise Gone

    release = threading.Event()
    first = waiter(queue, 0, log, release)
    with pytest.raises(Gone), queue.after_waiting(vanish):
        pass
    assert queue.waiting == 0
    behind = waiter(queue, 1, log)
    release.set()
    first.join(20)
    behind.join(20)
    with pytest.raises(Gone), queue.after_waiting(nobody):
        raise Gone
    with pytest.raises(Gone), queue.after_waiting(lambda _: None):
        raise Gone
    assert queue.waiting == queue.taken == 0


@pytest.fixture
def one_turn(monkeypatch: pytest.MonkeyPatch) -> Iterator[Turns]:
    queue = Turns(1)
    monkeypatch.setattr(turns, "TURNS", queue)
    yield queue
    assert queue.waiting == queue.taken == 0


def test_a_page_waits_for_its_turn_and_says_so(one_turn: Turns, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    say = DeltaGenerator.info
    monkeypatch.setattr(DeltaGenerator, "info", lambda place, text, **how: (told.append(text), say(place, text, **how)))
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    app.query_params["lambda"] = "0.0123"  # nothing that another test has left in a cache
    with one_turn.after_waiting(nobody):
        thread = threading.Thread(target=app.run)
        thread.start()
        until(lambda: len(told) >= 2)
        assert set(told) == {"1 person is ahead of you. Your turn comes by itself."} and one_turn.waiting == 1
    thread.join(60)
    assert not app.exception and any("The network says" in text.value for text in app.markdown)
    assert not app.info, "the note goes when the turn comes"


def test_how_long_it_will_take_is_told_by_the_last_turns(one_turn: Turns, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(turns, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    assert Turns(2).seconds(9) == 0, "nothing is known yet"
    for took in (3.0, 5.0):
        with one_turn.after_waiting(nobody):
            clock[0] += took
    assert one_turn.seconds(3) == 12
    told: list[str] = []
    monkeypatch.setattr(DeltaGenerator, "info", lambda _place, text, **_how: told.append(text))

    def wait() -> None:
        with turns.turn():
            pass

    with one_turn.after_waiting(nobody):
        thread = threading.Thread(target=wait)
        thread.start()
        until(lambda: told != [])
    thread.join(20)
    assert told[0] == "1 person is ahead of you. Your turn comes by itself, in about 4 seconds."


def test_what_a_session_has_cached_needs_no_turn(one_turn: Turns) -> None:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run()
    with one_turn.after_waiting(nobody):
        app.run()  # would wait for ever
    assert not app.exception


COMPUTING = """
import threading, time, torch
from simam_viz.app.server.turns import TURNS
x, convolution, begun = torch.rand(8, 16, 48, 48), torch.nn.Conv2d(16, 16, 3), threading.Event()
def work():
    while True:
        with TURNS.beside():
            begun.set()
            for _ in range(9):
                convolution(x).sum().backward()
threading.Thread(target=work, daemon=True).start()
assert begun.wait(20)
time.sleep(0.1)
"""


def test_python_ends_while_something_is_computed_beside() -> None:
    """As when the app is stopped by Ctrl-C while films are made."""
    for _ in range(3):
        ended = subprocess.run([sys.executable, "-c", COMPUTING], cwd=ROOT, capture_output=True, text=True)
        assert (ended.returncode, ended.stderr) == (0, "")


def test_nothing_more_is_begun_beside_at_the_end() -> None:
    queue, release, log = Turns(2), threading.Event(), []

    def work() -> None:
        with queue.beside():
            log.append("begun")
            release.wait(20)
        log.append("done")
        with queue.beside():
            log.append("again")

    thread = threading.Thread(target=work)
    thread.start()
    until(lambda: bool(log))
    closing = threading.Thread(target=queue.close)
    closing.start()
    release.set()
    for each in (closing, thread):
        each.join(20)
    assert log == ["begun", "done"] and not thread.is_alive() and not closing.is_alive()
