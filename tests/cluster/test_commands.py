"""What commands say is the same, whoever does the work; and the clusters that an address names."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from simam_viz.app.server import elsewhere
from simam_viz.app.server.elsewhere import AWAY, Elsewhere
from simam_viz.app.server.turns import Turns
from simam_viz.cli import main
from simam_viz.cluster.doing import HERE
from simam_viz.cluster.joining import has_ray
from simam_viz.explain import variants
from simam_viz.photos.samples import list_samples
from tests.helpers.pages import open_page
from tests.helpers.processes import LOOPBACK, addresses, in_session
from tests.helpers.ray_head import Head, free_port, ray_head
from tests.helpers.waiting import until

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("one_thread")]
needs_ray = pytest.mark.skipif(not has_ray(), reason="Ray is not installed: pip install 'simam-viz[cluster]'")
MINE = """import torch
from torch import nn
from simam_viz import SimAM
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.simam, self.last = nn.Conv2d(3, 8, 3, 2), SimAM(0.01), nn.Linear(8, 4)
    def forward(self, x):
        return self.last(self.simam(torch.tanh(self.first(x))).mean((2, 3)))
"""


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of photos for each of two classes, and a file that is none."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("SIMAM_VIZ_RAY_WORKERS", "2")
    root = tmp_path / "data"
    samples = {sample.name: sample for sample in list_samples()}
    for name, sample in {"espresso": samples["espresso-cup"], "coral reef": samples["coral-reef"]}.items():
        (root / name).mkdir(parents=True)
        for number in range(20):
            sample.image().rotate(3 * number).save(root / name / f"{number:02}.png")
    (root / "espresso" / "05.png").write_bytes(b"no photo")
    return root


@pytest.fixture
def head(monkeypatch: pytest.MonkeyPatch) -> Iterator[Head]:
    with ray_head() as begun:
        for name, value in begun.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("RAY_gcs_rpc_server_reconnect_timeout_s", "3")
        yield begun


@pytest.mark.parametrize("workers", [["--processes", "2"], pytest.param(["--ray", "local"], marks=needs_ray)])
def test_evaluate_and_faithful_say_the_same(data: Path, workers: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    commands = (
        ["evaluate", "--data", str(data), "--size", "64"],
        ["faithful", "--data", str(data), "--size", "64", "--photos", "6", "--networks", "on", "off", "se"],
    )
    for command in commands:
        assert main(command) == 0
        alone = capsys.readouterr().out
        assert main([*command, *workers]) == 0
        assert capsys.readouterr().out == alone and alone.count("\n") >= 1


@needs_ray
def test_the_cluster_of_an_address(data: Path, head: Head, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Through a network of one's own file, which no worker has."""
    (tmp_path / "mine.py").write_text(MINE)
    network = [
        "--network",
        f"{tmp_path}/mine.py:Net",
        "--input-size",
        "64",
        "--categories",
        "espresso,coral reef,cat,dog",
    ]
    commands = (
        ["analyze", str(data), *network, "--out", str(tmp_path / "out")],
        ["evaluate", "--data", str(data), *network],
        ["faithful", "--data", str(data), "--size", "64", "--photos", "6", "--networks", "on", "off"],
    )

    def said(*more: str) -> tuple[list[str], dict[str, bytes]]:
        shutil.rmtree(tmp_path / "out", ignore_errors=True)
        told = []
        for command in commands:
            assert main([*command, *more]) == 0
            captured = capsys.readouterr()
            told.append(captured.out)
            assert "lost" not in captured.err
        files = {str(path): path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}
        return told, files

    alone = said()
    for address in head.addresses.values():
        assert said("--ray", address) == alone, address
    assert addresses(set(in_session(head.pid))) <= LOOPBACK, "nothing listens, or is asked, beyond this machine"
    # Nobody answers there.
    for address in (f"ray://127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"):
        assert main([*commands[1], "--ray", address]) == 2
        told = capsys.readouterr().err.splitlines()
        assert told[-1].startswith("simam_viz: No workers can be had: ") and "Traceback" not in "".join(told)


@needs_ray
def test_the_app_goes_on_without_its_cluster_and_joins_it_again(head: Head, monkeypatch: pytest.MonkeyPatch) -> None:
    there = Elsewhere(Turns(1))
    monkeypatch.setattr(elsewhere, "ELSEWHERE", there)
    there.begin(head.addresses["address"], again=1)
    try:
        for number in (0, 1):
            until(lambda: there.doing is not HERE, 180)
            with monkeypatch.context() as patched:
                patched.setattr(variants, "analyze_together", lambda *_: pytest.fail("computed here"))
                assert AWAY not in shown(number)
                head.kill_worker()
                assert AWAY not in shown(number + 2)
            head.kill()
            until(lambda: there.trouble == AWAY, 60)
            assert AWAY in shown(number + 4)
            if number == 0:
                head.begin()
    finally:
        there.end()


def shown(number: int) -> list[str]:
    """What a page of a sample warns of."""
    return [warning.value for warning in open_page("app.py", photo=list_samples()[number].name, size="64").warning]
