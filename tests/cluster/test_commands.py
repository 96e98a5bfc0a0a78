"""What commands say is the same, whoever does the work; and the clusters that an address names."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from simam_viz.cli import main
from simam_viz.cluster.joining import has_ray
from simam_viz.photos.samples import list_samples
from tests.helpers.processes import in_session

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("one_thread")]
needs_ray = pytest.mark.skipif(not has_ray(), reason="Ray is not installed: pip install 'simam-viz[cluster]'")


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
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A cluster that somebody started on this machine, as docs/deployment.md has it; its port for clients."""
    ports = [str(_free_port()) for _each in range(2)]
    home = tmp_path / "ray"
    home.mkdir()
    (home / "ray_bootstrap_config.yaml").write_text("{}\n")
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_AUTH_TOKEN", "0123456789abcdef0123456789abcdef")
    monkeypatch.setenv("PYTHONPATH", os.getcwd())
    own = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "HOME": str(home)}
    command = [
        sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block", "--node-ip-address", "127.0.0.1", "--num-cpus", "2",
        "--port", ports[0], "--ray-client-server-port", ports[1], "--include-dashboard", "false",
    ]  # fmt: skip
    with (tmp_path / "ray.log").open("wb") as log:
        head = subprocess.Popen(command, env=os.environ | own, stdout=log, stderr=log, start_new_session=True)
    yield f"127.0.0.1:{ports[1]}"
    head.terminate()
    head.wait(60)
    assert not [line for line in in_session(head.pid).values() if "gcs_server" in line]


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
def test_the_cluster_of_an_address(
    data: Path, cluster: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["analyze", str(data), "--size", "64", "--out"]
    assert main([*command, str(tmp_path / "alone")]) == 0
    alone = capsys.readouterr().out
    assert main([*command, str(tmp_path / "there"), "--ray", f"ray://{cluster}"]) == 0
    told = capsys.readouterr()
    assert told.out == alone.replace("alone", "there") and "lost" not in told.err
    for path in (tmp_path / "alone").rglob("*.*"):
        if path.is_file():
            assert path.read_bytes() == (tmp_path / "there" / path.relative_to(tmp_path / "alone")).read_bytes()
    # Nobody answers there.
    assert main([*command, str(tmp_path / "nowhere"), "--ray", f"ray://127.0.0.1:{_free_port()}"]) == 2
    told = capsys.readouterr()
    assert told.err.startswith("simam_viz: No workers can be had: ") and told.err.count("\n") == 1


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
