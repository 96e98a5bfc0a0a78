"""Work done in other processes: the same results, in order; what a lost worker was asked is asked again; what stays, stays here."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
import time
from argparse import Namespace
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

import simam_viz
from simam_viz.checkpoints import opening
from simam_viz.checkpoints.loading import LoadedCheckpoint
from simam_viz.cli import main
from simam_viz.cli.arguments import chosen_workers
from simam_viz.cluster import crew as crews
from simam_viz.cluster import joining
from simam_viz.cluster.crew import Crew, LostError
from simam_viz.cluster.doing import HERE, GaveUpError, in_order
from simam_viz.cluster.joining import process_crew, workers
from simam_viz.wording import _, speak
from tests.helpers.made_up_language import BRACKETED
from tests.helpers.processes import addresses
from tests.helpers.small_networks import small

IMAGE = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))


TOLD: list[str] = []
"""What was told of lost workers."""


@pytest.fixture(scope="module")
def crew() -> Iterator[Crew]:
    """A single worker: what is asked of it first is done first."""
    with workers(None, 1, TOLD.append) as nobody:
        assert nobody is HERE
    made = process_crew(1, TOLD.append)
    yield made
    made.close()
    assert not any(line.process.poll() is None for line in made._lines)


def process_id() -> int:
    return os.getpid()


def ended_at_first(mark: Path) -> int:
    """Ends its worker, the first time."""
    if not mark.exists():
        mark.write_text("")
        os.kill(os.getpid(), signal.SIGKILL)
    return os.getpid()


def ends(_mark: object = None) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def said() -> str:
    return _("SimAM")


@pytest.mark.usefixtures("one_thread")
def test_a_network_of_ones_own_file_goes_along_with_its_code(crew: Crew, tmp_path: Path) -> None:
    (tmp_path / "parts_of_mine.py").write_text("import torch\ndef bent(x): return torch.tanh(x)\n")
    (tmp_path / "mycode.py").write_text(
        "import parts_of_mine\nfrom torch import nn\nfrom simam_viz import SimAM\n"
        "class Own(nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.first, self.simam, self.last = nn.Conv2d(3, 8, 3, 2), SimAM(0.01), nn.Linear(8, 4)\n"
        "    def forward(self, x):\n"
        "        return self.last(self.simam(parts_of_mine.bent(self.first(x))).mean((2, 3)))\n"
    )
    torch.manual_seed(0)
    loaded = opening.Maker(opening.Opening(f"{tmp_path}/mycode.py:Own", input_size=64)).as_made()
    for file in tmp_path.glob("*.py"):
        file.unlink()  # no worker has them
    there, here = (doing.do(simam_viz.analyze, loaded, IMAGE, e_lambda=0.1) for doing in (crew, HERE))
    assert torch.equal(there.logits, here.logits) and there.e_lambda == 0.1
    for one, other in zip(there.blocks, here.blocks, strict=True):
        assert torch.equal(one.attention, other.attention) and torch.equal(one.cam, other.cam)


def test_results_come_in_order_and_errors_as_they_were_raised(crew: Crew) -> None:
    pieces = [crew.later(divmod, 7, divisor) for divisor in (1, 2, 3)]
    assert list(in_order(pieces, crew.ahead)) == [(7, 0), (3, 1), (2, 1)]
    with pytest.raises(ZeroDivisionError):
        crew.do(divmod, 7, 0)
    with pytest.raises(simam_viz.ImageError, match="not an image"):
        crew.do(simam_viz.open_image, b"no image")
    assert crew.do(process_id) != os.getpid()
    assert sys.platform != "linux" or not addresses({line.process.pid for line in crew._lines}), "they listen nowhere"


def test_sentences_are_said_in_the_language_of_whoever_asks(crew: Crew) -> None:
    def in_another() -> None:
        speak(BRACKETED)
        found.append((crew.do(said), said()))

    found: list[tuple[str, str]] = []
    thread = threading.Thread(target=in_another)
    thread.start()
    thread.join()
    assert found[0][0] == found[0][1] != crew.do(said) == "SimAM"


def test_a_network_is_sent_once_and_dropped_with_it(crew: Crew) -> None:
    loaded: LoadedCheckpoint | None = small("resnet18")
    held = len(crew._lines[0].holds)
    for e_lambda in (0.1, 0.2):
        crew.do(simam_viz.analyze, loaded, IMAGE, e_lambda=e_lambda)
    assert len(crew._lines[0].holds) == held + 1
    loaded = None
    gc.collect()
    _until(lambda: len(crew._lines[0].holds) == held)


def test_what_cannot_be_sent_is_done_here(crew: Crew) -> None:
    assert crew.do(lambda lock: lock.locked(), threading.Lock()) is False
    with torch.device("meta"):
        elsewhere = torch.nn.Linear(2, 2)
    assert crew.do(lambda model: os.getpid(), elsewhere) == os.getpid()
    assert not crew.trouble


def test_the_work_of_a_killed_worker_is_done_again(crew: Crew, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = crew.do(process_id)
    pieces = [crew.later(ended_at_first, tmp_path / "mark"), *(crew.later(pow, 2, n) for n in range(4))]
    again, *others = in_order(pieces, crew.ahead)
    assert again != first and others == [1, 2, 4, 8]
    monkeypatch.setattr(crews, "_TRIES", 1)
    with pytest.raises(GaveUpError, match="Every worker that tried it ended, the last one of 1"):
        crew.do(ends)
    assert crew.do(pow, 2, 5) == 32, "others' work is done all the same"


@pytest.mark.long
def test_asking_for_workers_that_cannot_be_had_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(joining, "has_ray", lambda: False)
    (tmp_path / "photo.png").write_bytes(b"")
    command = ["analyze", str(tmp_path), "--out", str(tmp_path / "out")]
    for more, sentence in (
        (["--ray", "local"], "simam_viz: Ray is not installed here: run pip install 'simam-viz[cluster]'"),
        (["--ray", "local", "--processes", "2"], "simam_viz: --ray and --processes name workers each"),
        (["--processes", "0"], "simam_viz: --processes must be at least 1."),
    ):
        assert main([*command, *more]) == 2
        told = capsys.readouterr().err
        assert told.startswith(sentence) and told.count("\n") == 1
    monkeypatch.setenv("SIMAM_VIZ_RAY", "auto")
    assert main(command) == 2 and "Ray is not installed" in capsys.readouterr().err
    with (
        pytest.raises(ValueError, match="leave --device out"),
        chosen_workers(Namespace(ray="", processes=2, device="cuda")),
    ):
        pass
    monkeypatch.undo()
    monkeypatch.setattr(crews, "_JOIN_SECONDS", 20)
    with pytest.raises(LostError, match="No workers can be had: "):
        Crew(lambda answered: crews.Line(["simam_viz.no_such_worker"], {}, True, answered), 1, True, print)


@pytest.mark.long
def test_where_no_worker_is_left_the_work_goes_on_here(crew: Crew, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last one: it ends the workers of all."""
    monkeypatch.setattr(crew, "_begin", lambda answered: crews.Line(["simam_viz.no_such_worker"], {}, True, answered))
    killed = crew.later(pow, 3, 3), crew.later(ends)
    pieces = [crew.later(pow, 2, n) for n in range(6)]
    assert killed[0]() == 27 and list(in_order(pieces, crew.ahead)) == [1, 2, 4, 8, 16, 32]
    assert len(TOLD) == 1 and TOLD[0].startswith("The workers are lost (") and "nothing of it is lost" in TOLD[0]
    assert crew.do(process_id) == os.getpid() and crew.ahead == 0


def _until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)
