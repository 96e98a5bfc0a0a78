"""What several tests share: the bundled network, a sample, and where the project lies."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from PIL import Image
from playwright.sync_api import Browser, sync_playwright

import simam_viz
from simam_viz.checkpoints.loading import LoadedCheckpoint
from simam_viz.photos.samples import list_samples

ROOT = Path(__file__).resolve().parent.parent

# Tests run in one process a core: more threads than that would wait for each other.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ["OMP_NUM_THREADS"] = "1"  # for the servers that tests start
    torch.set_num_threads(1)

# What a developer keeps in their own weights and data folders is none of the tests' business.
os.environ["SIMAM_VIZ_WEIGHTS"] = str(ROOT / "tests" / "no-weights")
os.environ["SIMAM_VIZ_DATA"] = str(ROOT / "tests" / "no-data")


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
    return list_samples()[0].image()


CHROMIUM_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@pytest.fixture(scope="session")
def noise() -> Image.Image:
    pixels = torch.randint(0, 256, (90, 120, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(4))
    return Image.fromarray(pixels.numpy())


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A real Chromium. Without one, browser tests are skipped; with SIMAM_VIZ_REQUIRE_BROWSER set, that is an error."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        message = "no Chromium is installed (on Debian: apt-get install chromium)"
        if os.environ.get("SIMAM_VIZ_REQUIRE_BROWSER"):
            pytest.fail(message)
        pytest.skip(message)
    with sync_playwright() as playwright:
        instance = playwright.chromium.launch(executable_path=path, args=CHROMIUM_FLAGS)
        yield instance
        instance.close()


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


@contextmanager
def running(folder: Path, *options: str, program: tuple[str, ...] = ("streamlit",)) -> Iterator[str]:
    """An app of its own, logging into ``folder``; ``program`` is the module that runs it, with what stands before ``run``."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        sys.executable, "-m", *program, "run", "app.py", "--server.headless", "true", "--server.address", "127.0.0.1",
        "--server.port", str(port), "--browser.gatherUsageStats", "false", *options,
    ]  # fmt: skip
    log = folder / "server.log"
    with log.open("wb") as stream:
        process = subprocess.Popen(command, cwd=ROOT, stdout=stream, stderr=subprocess.STDOUT)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            if process.poll() is not None:
                pytest.fail(f"The app did not start:\n{log.read_text(errors='replace')}")
            try:
                urllib.request.urlopen(f"{address}/_stcore/health", timeout=5).close()
                break
            except OSError:
                time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        process.wait(30)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A journey on a busy machine may miss its moment: it gets one second try, and the summary counts it."""
    for item in items:
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.flaky(reruns=1))
