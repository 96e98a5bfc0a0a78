"""More and more people at once, each asking for one answer after the other: answers a second; a part of the group ``scale``.

What is the same for everybody is computed once, films of λ too: so once with samples through the bundled network, and once with a
photo of everybody's own, of which nothing is shared. A person comes, and lets λ go at several stops; films are made meanwhile.
"""

from __future__ import annotations

import asyncio
import functools
import json
import struct
import time

import numpy as np

import simam_viz
from simam_viz.draw.paper.sources import named_photo
from simam_viz.explain.film import Frame, film_of
from simam_viz.photos.samples import list_samples

from .film import Hand, own_photo
from .measure import Row, missing, peer
from .networks import bundled
from .server import Server, running

GROUP = "scale"
PEOPLE = (1, 4, 16, 64)


def people_rows(quick: bool) -> list[Row]:
    """Answers a second of each number of people, with films that are shared and with films that are not."""
    if peer("websockets") is None:
        return [missing(GROUP, "people", "the package websockets is not installed (it comes with Streamlit)")]
    found = []
    for people in PEOPLE[:2] if quick else PEOPLE:
        for shared in (True, False):
            with running(warm=False) as server:
                found.append(asyncio.run(_throughput(server, people, shared, releases=1 if quick else 4)))
    return found


async def _throughput(server: Server, people: int, shared: bool, releases: int) -> Row:
    samples = [sample.name for sample in list_samples()]
    photos = {} if shared else {str(seed): own_photo(seed) for seed in range(people)}
    there = [await Hand.open(server, samples[0]) for _person in range(people)]
    shown: list[tuple[str, str, str, bytes]] = []

    async def one(number: int, person: Hand) -> None:
        name = samples[number % len(samples)] if shared else str(number)
        await (person.go(photo=name) if shared else person.upload(photos[name]))
        stops = ["own", *(_stop(person, number, release) for release in range(releases))]
        for release, stop in enumerate(stops):
            if release:
                await person.let_go(stop)
            shown.append((name, stop, person.at, person.film))

    start = time.perf_counter()
    await asyncio.gather(*(one(number, person) for number, person in enumerate(there)))
    seconds = time.perf_counter() - start
    for person in there:
        await person.close()
    for name, stop, at, film in shown:
        _check(name, photos.get(name), stop, at, film)
    title = f"{people} {'person' if people == 1 else 'people'}, {'samples' if shared else 'photos of their own'}"
    note = f"films {'shared' if shared else 'not shared'}; {len(shown)} answers in {seconds:.1f} s, each checked"
    return Row(GROUP, f"{title}: throughput", len(shown) / seconds, "answers/s", note=note)


def _check(name: str, own: bytes | None, stop: str, at: str, film: bytes) -> None:
    """Compare what a person was sent with what ``analyze`` gives: the classes' probabilities, and the range of every block's weights.

    Raises:
        RuntimeError: it is not what was asked for.
    """
    e_lambda = bundled().e_lambda if stop == "own" else float(stop)
    right = _right(name, own, e_lambda)
    (length,) = struct.unpack("<I", film[:4])
    sent = next((each for each in json.loads(film[4 : 4 + length])["stops"] if each["key"] == stop), None)
    if sent is not None and at == stop:
        first = sent["answers"][0][0] == right.answers[0][0]
        numbers = [said for _index, said in sent["answers"]] + [end for ends in sent["weights"] for end in ends]
        ours = [said for _index, said in right.answers] + [
            end for each in right.weights for end in (each.low, each.high)
        ]
        if first and np.allclose(numbers, ours, atol=1e-3):
            return
    raise RuntimeError(f"Somebody with {name} at λ = {stop} was shown an answer that is not theirs.")


@functools.lru_cache(256)
def _right(name: str, own: bytes | None, e_lambda: float) -> Frame:
    image = named_photo(name).image if own is None else simam_viz.open_image(own)
    return film_of(simam_viz.analyze(bundled(), image, e_lambda=e_lambda), e_lambda).frames[e_lambda]


def _stop(person: Hand, number: int, release: int) -> str:
    """Another one with every release, and others for others."""
    stops = [stop for stop in person.stops if stop != "own"]
    return stops[(number * 7 + release * 5) % len(stops)]
