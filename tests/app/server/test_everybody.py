"""What is the same for everybody is computed once, and nothing of a person's own is ever in it."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from simam_viz.app import scene, warming
from simam_viz.app.scene import Scene
from simam_viz.app.server.everybody import Everybodys
from simam_viz.checkpoints.loading import LoadedCheckpoint
from simam_viz.explain.blocks import Analysis
from simam_viz.explain.variants import MODES, Variant, variants
from simam_viz.photos.samples import list_samples
from tests.helpers.pages import checked, open_page
from tests.helpers.uploads import PHOTO
from tests.helpers.waiting import nobody, until


class Result:
    nbytes = 1


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, int]]]:
    """The photo and how many networks, of each batch that a page computes; nothing is there beforehand."""
    made: list[tuple[str, int]] = []
    compute = Scene.computed

    def counted(self: Scene, batch: Sequence[Variant], *more: Any) -> list[Analysis]:
        made.append((self.photo.name, len(batch)))
        return compute(self, batch, *more)

    monkeypatch.setattr(Scene, "computed", counted)
    monkeypatch.setattr(scene, "ANALYSES", Everybodys(50, 2**28))
    monkeypatch.setattr(warming, "ANALYSES", scene.ANALYSES)
    yield made


def test_the_second_person_computes_nothing(computed: list[tuple[str, int]]) -> None:
    name = list_samples()[3].name
    open_page("app.py", photo=name, size="96")
    first = computed.copy()
    assert first and {photo for photo, _ in first} == {name}
    open_page("app.py", photo=name, size="96")
    assert computed == first
    open_page("app.py", photo=name, size="96", **{"lambda": "0.3"})
    assert len(computed) > len(first), "another λ is another analysis"


def test_what_is_ones_own_is_nobody_elses(computed: list[tuple[str, int]]) -> None:
    for times in (1, 2):
        app = open_page("app.py", size="96")
        computed.clear()
        checked(app.file_uploader[0].upload("a.png", PHOTO, "image/png").run())
        assert computed, f"session {times} looked at its own photo without computing"
        assert not any("upload" in str(key) for key in scene.ANALYSES._kept._results)


def test_what_is_warmed_is_there(computed: list[tuple[str, int]], loaded: LoadedCheckpoint) -> None:
    sample = list_samples()[2]
    warmed = warming.scene_of(loaded, sample)
    warming.warm(warmed)
    assert computed == [(sample.name, 1), (sample.name, len(MODES) - 1)]
    assert all(scene.ANALYSES.get(warmed.key_of(one, None)) for one in variants(loaded) if one.name in MODES)
    warming.warm(warmed)
    open_page("app.py", photo=sample.name)
    assert len(computed) == 2, "the first page finds all of it"


def test_where_no_heat_map_is_shown_none_is_computed(
    computed: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    heat_maps: list[bool] = []
    analysed = scene.variants.analysed

    def watched(*asked: Any, **question: Any) -> list[Analysis]:
        heat_maps.append(question["heat_maps"])
        return analysed(*asked, **question)

    monkeypatch.setattr(scene.variants, "analysed", watched)
    view = {"photo": list_samples()[4].name, "size": "96", "lambda": "0.3"}
    for page in ("pages/attention_maps.py", "pages/energy_histograms.py"):
        open_page(page, **view)
    assert heat_maps == [False], "the second page finds what the first computed"
    open_page("pages/gradcam_comparison.py", **view, columns="uniform")
    assert heat_maps == [False, True]
    scene.ANALYSES._kept._results.clear()
    open_page("pages/gradcam_comparison.py", **view, columns="uniform")
    open_page("pages/attention_maps.py", **view)
    assert heat_maps == [False, True, True], "what has heat maps has all that is shown without"


def test_who_wants_the_same_waits_for_it_once() -> None:
    common: Everybodys[Result] = Everybodys(10, 10)
    made, looks, begin = [], [], threading.Event()

    def person() -> None:
        with common.making(["a"], lambda: looks.append(1)):
            if common.get("a") is None:
                begin.wait(20)
                made.append(1)
                common.put("a", Result())

    threads = [threading.Thread(target=person) for _ in range(6)]
    for thread in threads:
        thread.start()
    until(lambda: len(looks) >= 5)
    with common.making(["b"], nobody):
        pass  # another thing is nobody's hindrance
    begin.set()
    for thread in threads:
        thread.join(20)
    assert made == [1] and common._making == {}


def test_who_goes_while_waiting_leaves_nothing_behind() -> None:
    common: Everybodys[Result] = Everybodys(10, 10)

    def gone() -> None:
        raise InterruptedError

    with common.making(["a"], nobody):
        with pytest.raises(InterruptedError), common.making(["a"], gone):
            raise AssertionError("two make the same")
        assert common._making["a",].wanted == 1
    with pytest.raises(ValueError), common.making(["a"], nobody):
        raise ValueError
    assert common._making == {}
