"""A Ray cluster of this machine, from its start to its loss: one test, since the start takes seconds."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import simam_viz
from simam_viz.app.server import elsewhere
from simam_viz.app.server.elsewhere import AWAY, Elsewhere
from simam_viz.app.server.turns import Turns
from simam_viz.checkpoints.loading import LoadedCheckpoint
from simam_viz.cluster.crew import Crew
from simam_viz.cluster.doing import HERE
from simam_viz.cluster.joining import has_ray
from simam_viz.explain import variants
from simam_viz.export import folder
from simam_viz.export.folder import Job, Outcome, Settings
from simam_viz.photos.samples import list_samples
from tests.helpers.pages import checked, open_page, text
from tests.helpers.processes import LOOPBACK, addresses, called, in_session

pytestmark = pytest.mark.skipif(not has_ray(), reason="Ray is not installed: pip install 'simam-viz[cluster]'")


@pytest.fixture
def joined(monkeypatch: pytest.MonkeyPatch) -> Iterator[Elsewhere]:
    """What the app asks, with a cluster of two actors on this machine."""
    monkeypatch.setenv("SIMAM_VIZ_RAY_WORKERS", "2")
    monkeypatch.setenv("RAY_gcs_rpc_server_reconnect_timeout_s", "2")
    there = Elsewhere(Turns(1))
    monkeypatch.setattr(elsewhere, "ELSEWHERE", there)
    there.begin("local", again=60)
    _until(lambda: there.doing is not HERE)
    yield there
    there.end()


@pytest.mark.usefixtures("one_thread")
@pytest.mark.long
def test_photos_and_pages_are_done_on_the_cluster_and_here_once_it_is_lost(
    joined: Elsewhere, loaded: LoadedCheckpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crew = joined.doing
    assert isinstance(crew, Crew) and crew.workers == 2 == joined._turns.at_once
    bridge = crew._lines[0].process.pid

    # A folder, with a worker killed in the middle: the same files, bit for bit, in the same order.
    photos = tmp_path / "photos"
    photos.mkdir()
    for sample in list_samples()[:4]:
        shutil.copy(sample.path, photos)
    (photos / "broken.png").write_bytes(b"no photo")
    job, found = Job(loaded, Settings(input_size=64)), folder.photos_in(photos, tmp_path / "none")
    killed: list[int] = []

    def kill_one(outcome: Outcome) -> None:
        if not killed:
            killed.extend(pid for pid, line in in_session(bridge).items() if line.startswith("ray::Holder"))
            os.kill(killed[0], signal.SIGKILL)

    there = folder.run(job, found, photos, tmp_path / "there", kill_one, crew)
    here = folder.run(job, found, photos, tmp_path / "here")
    assert there == here and killed and len(here) == 5 and sum(bool(outcome.error) for outcome in here) == 1
    assert _tree(tmp_path / "there") == _tree(tmp_path / "here")
    assert addresses(set(in_session(bridge))) <= LOOPBACK, "nothing listens, or is asked, beyond this machine"

    # A page: this process computes nothing of it.
    with monkeypatch.context() as patched:
        patched.setattr(variants, "analyze_together", lambda *_: pytest.fail("computed here"))
        app = open_page("app.py", photo=list_samples()[0].name, size="64")
        assert "cluster" not in text(app)

    # The head is killed: one sentence, and the page goes on.
    os.kill(called(bridge, "gcs_server"), signal.SIGKILL)
    _until(lambda: joined.trouble == AWAY, 60)
    assert joined._turns.at_once == 1
    app = open_page("app.py", photo=list_samples()[1].name, size="64")
    checked(app)
    assert [warning.value for warning in app.warning] == [AWAY]
    assert crew.do(simam_viz.energy, job.loaded.model.fc.weight[None, None], 0.1).shape == (1, 1, 200, 512)


def _tree(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def _until(holds: Callable[[], bool], seconds: float = 90) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)
