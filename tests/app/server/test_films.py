"""Films are made in the background: once for everybody, as long as somebody wants them, and behind every analysis."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from PIL import Image

from simam_viz.app.server import films
from simam_viz.app.server.films import Making, Seat, Studio
from simam_viz.app.server.turns import Turns
from simam_viz.explain.film import Film, Frame, Levels, Station, Stop
from tests.helpers.waiting import nobody, until

pytestmark = pytest.mark.films
STOPS = [1.0, 2.0, 3.0, 4.0, 5.0]


def frame(value: float) -> Frame:
    map_ = Levels(np.full((2, 2), int(value), np.uint8), 0.0, 1.0)
    return Frame(0, value, ((0, value),), (map_,), (map_,), (1.0,))


def making(begun: float = 1.0, size: int = 2) -> Making:
    station = Station("block", "simam", False, (1, 2, 2))
    still = Film(Image.new("RGB", (4, 4)), ("a",), True, (station,), {begun: frame(begun)})
    return Making(still, STOPS, STOPS, size)


class Camera:
    """Makes frames when it is let, and says what it was asked for."""

    def __init__(self, free: bool = True) -> None:
        self.asked: list[list[Stop]] = []
        self.free = threading.Event()
        if free:
            self.free.set()

    def __call__(self, stops: Sequence[Stop]) -> list[Frame]:
        self.asked.append(list(stops))
        assert self.free.wait(20)
        return [frame(float(stop)) for stop in stops]


@pytest.fixture
def studio() -> Studio:
    return Studio(1, Turns(1))


def test_a_film_is_made_from_what_is_there(studio: Studio) -> None:
    camera, one = Camera(), making()
    Seat(studio).watch("network", "key", True, one, camera)
    until(lambda: one.complete)
    assert camera.asked == [[5.0, 3.0], [2.0, 4.0]] and list(one.film.frames) == STOPS and not one.going
    assert one.film.frames[5.0].said == 5


def test_what_lies_between_stops_that_look_alike_is_not_made(studio: Studio) -> None:
    class Still(Camera):
        def __call__(self, stops: Sequence[Stop]) -> list[Frame]:
            super().__call__(stops)
            return [frame(1.0 if float(stop) < 4 else 9.0) for stop in stops]

    camera, one = Still(), making(size=1)
    Seat(studio).watch("network", "key", True, one, camera)
    until(lambda: one.complete)
    assert camera.asked == [[5.0], [3.0], [4.0]] and list(one.film.frames) == STOPS
    assert one.film.frames[2.0] is one.film.frames[1.0]


def test_what_is_shared_is_made_once(studio: Studio) -> None:
    camera, first, second = Camera(), Seat(studio), Seat(studio)
    one = first.watch("network", "key", True, making(), camera)
    until(lambda: one.complete)
    other = second.watch("network", "key", True, making(), camera)
    assert other is one and len(camera.asked) == 2 and second.find("key", True) is one
    assert first.find("key", False) is None


def test_what_is_ones_own_nobody_else_finds(studio: Studio) -> None:
    mine, other = Seat(studio), Seat(studio)
    one = mine.watch("network", "key", False, making(), Camera())
    until(lambda: one.complete)
    assert mine.find("key", False) is one
    assert other.find("key", False) is None and other.find("key", True) is None
    mine.clear()
    assert mine.find("key", False) is None and mine.now("network", "key") is None


@pytest.mark.parametrize(
    "leave", [Seat.clear, Seat.rest, lambda seat: seat.watch("network", "next", False, making(), Camera())]
)
def test_what_nobody_wants_any_more_is_stopped_and_goes_on_when_asked_again(
    studio: Studio, leave: Callable[[Seat], object]
) -> None:
    camera, seat = Camera(free=False), Seat(studio)
    one = seat.watch("network", "key", True, making(), camera)
    until(lambda: camera.asked)
    leave(seat)
    assert not one.going
    camera.free.set()
    until(lambda: len(one.film.frames) == 3)  # the batch that was running
    assert not one.complete and camera.asked == [[5.0, 3.0]]
    again = Seat(studio).watch("network", "key", True, making(), camera)
    assert again is one
    until(lambda: one.complete)
    assert list(one.film.frames) == STOPS and camera.asked[-1] == [2.0, 4.0]


def test_a_page_is_drawn_before_its_film_is_begun(studio: Studio) -> None:
    camera, seat, one = Camera(), Seat(studio), making()
    with pytest.raises(KeyError), seat.drawing():
        seat.watch("network", "key", True, one, camera)
        other = making()
        Seat(studio).watch("network", "other", True, other, Camera())
        until(lambda: other.complete)
        assert one.going and not camera.asked
        raise KeyError
    until(lambda: one.complete)


def test_who_has_their_page_already_does_not_wait_for_who_has_not(studio: Studio) -> None:
    first, second = Seat(studio), Seat(studio)
    with first.drawing():
        one = first.watch("network", "key", True, making(), Camera())
        assert second.watch("network", "key", True, one, Camera()) is one
        until(lambda: one.complete)


def test_two_who_want_it_keep_it_going(studio: Studio) -> None:
    camera, first, second = Camera(free=False), Seat(studio), Seat(studio)
    one = first.watch("network", "key", True, making(), camera)
    assert second.watch("network", "key", True, making(), camera) is one
    first.clear()
    assert one.going
    camera.free.set()
    until(lambda: one.complete)


def test_what_people_watch_goes_before_what_is_made_beforehand(studio: Studio) -> None:
    order: list[str] = []

    class Named(Camera):
        def __init__(self, name: str, free: bool = True) -> None:
            super().__init__(free)
            self.name = name

        def __call__(self, stops: Sequence[Stop]) -> list[Frame]:
            order.append(self.name)
            return super().__call__(stops)

    beforehand, watched, person = Named("beforehand", free=False), making(), Seat(studio)
    one = Seat(studio, watches=False).watch("warming", "sample", True, making(size=1), beforehand)
    until(lambda: bool(order))
    person.watch("network", "photo", False, watched, Named("watched"))
    beforehand.free.set()
    until(lambda: one.complete and watched.complete)
    assert order == ["beforehand", "watched", "watched", *["beforehand"] * 3]
    # What is made beforehand is watched as soon as somebody comes for it.
    slow = Seat(studio, watches=False).watch("warming", "other", True, making(size=1), Camera())
    assert slow.after[0]
    person.watch("network", "other", True, making(), Camera())
    assert not slow.after[0] or slow.complete


def test_what_nobody_watches_waits_until_people_rest(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(films, "_LOOK_SECONDS", 0.01)
    assert studio.quiet
    beforehand, watched, person = making(), making(), Seat(studio)
    with person.drawing():
        assert not studio.quiet
        Seat(studio, watches=False).watch("warming", "sample", True, beforehand, camera := Camera())
        Seat(studio).watch("network", "photo", False, watched, Camera())
        until(lambda: watched.complete)
    assert not studio.quiet, "who has just had a page drawn may go on at any moment"
    assert beforehand.going and not camera.asked
    monkeypatch.setattr(films, "_QUIET_SECONDS", 0.0)
    studio.wait_until_quiet()
    until(lambda: beforehand.complete)


def test_an_analysis_goes_first() -> None:
    turns = Turns(1)
    studio, camera = Studio(1, turns), Camera()
    one = making()
    with turns.after_waiting(nobody):
        Seat(studio).watch("network", "key", True, one, camera)
        until(lambda: studio._threads[0].is_alive())
        assert not camera.asked
    until(lambda: one.complete)


def test_an_analysis_does_not_wait_for_a_film() -> None:
    turns = Turns(1)
    studio, camera = Studio(1, turns), Camera(free=False)
    one = Seat(studio).watch("network", "key", True, making(), camera)
    until(lambda: camera.asked)
    with turns.after_waiting(nobody):
        assert turns.taken == 1
        camera.free.set()
        until(lambda: len(one.film.frames) == 3)
        assert len(camera.asked) == 1  # the next batch waits
    until(lambda: one.complete)


def test_what_fails_is_given_up_and_the_next_is_made(studio: Studio) -> None:
    def fail(stops: Sequence[Stop]) -> list[Frame]:
        raise ValueError("no")

    seat = Seat(studio)
    bad = seat.watch("network", "bad", True, making(), fail)
    until(lambda: not bad.going)
    good = seat.watch("network", "good", True, making(), Camera())
    until(lambda: good.complete)
    assert not bad.complete
