"""What all tests share: the bundled network, a sample, a server. Neither Streamlit nor Playwright is needed to import it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from PIL import Image

import simam_viz
from simam_viz.checkpoints.loading import LoadedCheckpoint
from simam_viz.photos.samples import list_samples
from tests.helpers.alone import in_company
from tests.helpers.project import ROOT
from tests.helpers.server import running

# Tests run in one process a core: more threads than that would wait for each other.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ["OMP_NUM_THREADS"] = "1"  # for the servers that tests start
    torch.set_num_threads(1)

# Whoever runs the tests, in whatever language: they read English.
os.environ["LANGUAGE"] = "en"

# What servers compute beforehand would take the cores from the tests.
os.environ["SIMAM_VIZ_WARM"] = "0"

# What a developer keeps in their own weights and data folders is none of the tests' business.
os.environ["SIMAM_VIZ_WEIGHTS"] = str(ROOT / "tests" / "no-weights")
os.environ.pop("SIMAM_VIZ_RAY", None)
os.environ["SIMAM_VIZ_DATA"] = str(ROOT / "tests" / "no-data")


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Each process of the tests keeps what is unfinished to itself: two that measure the same would wait for each other."""
    os.environ.setdefault(
        "MPLCONFIGDIR", str(Path.home() / ".cache" / "matplotlib")
    )  # its fonts take seconds to find anew
    os.environ["XDG_CACHE_HOME"] = str(tmp_path_factory.mktemp("cache"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Tests marked ``alone`` have the machine to themselves."""
    with in_company(alone=item.get_closest_marker("alone") is not None):
        return (yield)


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """For small networks, which are slower with more; and for results that are compared to the last bit."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def loaded() -> LoadedCheckpoint:
    return simam_viz.load_checkpoint(simam_viz.list_checkpoints()[0].name)


@pytest.fixture(scope="session")
def photo() -> Image.Image:
    """The one to begin with."""
    return list_samples()[0].image()


@pytest.fixture(scope="session")
def noise() -> Image.Image:
    pixels = torch.randint(0, 256, (90, 120, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(4))
    return Image.fromarray(pixels.numpy())


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The address of an app that many visitors share, and its log."""
    folder = tmp_path_factory.mktemp("server")
    with running(folder) as address:
        yield address, folder / "server.log"


@pytest.fixture
def server(shared_server: tuple[str, Path]) -> Iterator[str]:
    """The address of the app; whatever a test makes it log must not be a traceback."""
    address, log = shared_server
    before = log.stat().st_size
    yield address
    told = log.read_bytes()[before:].decode(errors="replace")
    assert "Traceback" not in told, told


@pytest.fixture
def fresh_server(tmp_path: Path) -> Iterator[str]:
    """The address of a freshly started app; its log is ``server.log`` in ``tmp_path``."""
    with running(tmp_path) as address:
        yield address
    log = (tmp_path / "server.log").read_text(errors="replace")
    assert "Traceback" not in log, log
