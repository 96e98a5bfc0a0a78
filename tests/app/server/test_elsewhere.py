"""What pages compute is asked of whoever computes for the app: here a process of its own stands for a cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from simam_viz.app.server import elsewhere
from simam_viz.cluster.crew import Crew
from simam_viz.cluster.joining import process_crew
from simam_viz.explain import analysis
from tests.helpers.models_page import everything, open_models, samples_run
from tests.helpers.pages import finished, open_page


class Noting:
    """Workers, and what they were asked to do."""

    def __init__(self, crew: Crew) -> None:
        self.crew, self.asked = crew, set[str]()
        self.ahead = crew.ahead

    def later(self, function: Callable[..., Any], *args: Any, **named: Any) -> Callable[[], Any]:
        self.asked.add(function.__name__)
        return self.crew.later(function, *args, **named)

    def do(self, function: Callable[..., Any], *args: Any, **named: Any) -> Any:
        return self.later(function, *args, **named)()


@pytest.fixture
def workers(monkeypatch: pytest.MonkeyPatch) -> Iterator[Noting]:
    """One, and this process analyses nothing."""
    crew = process_crew(1, pytest.fail)
    noting = Noting(crew)
    monkeypatch.setattr(elsewhere, "ELSEWHERE", SimpleNamespace(doing=noting, configured=True, trouble=""))
    monkeypatch.setattr(analysis, "_analyse", lambda *_: pytest.fail("computed here"))
    yield noting
    crew.close()


def test_samples_and_figures_are_computed_by_workers(workers: Noting) -> None:
    models = open_models(size="64")
    samples_run(models)
    assert "photos of a class it knows have that class" in everything(models)
    view = {"size": "64", "networks": "on,off", "panels": "photo,cam,sweep"}
    finished(open_page("pages/figure.py", **view), "paper")
    assert {"top_answers", "training_evidence", "_analysed", "_swept"} <= workers.asked
