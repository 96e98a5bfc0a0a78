"""What may go wrong while photos are spread over workers: a worker, the head or the run itself killed, a full disk, two runs on one
folder, a clock that jumps. Whatever happens, the same command ends with the same files, bit for bit, as one process that nothing
happened to; nothing is lost, nothing is done twice, and what is said is one sentence. Everything runs on this machine alone."""

from __future__ import annotations

import contextlib
import csv
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from simam_viz.photos.samples import list_samples
from tests.helpers.processes import called, in_session
from tests.helpers.project import ROOT
from tests.helpers.ray_head import Head, ray_head

CLOCK = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/time.h>
#include <time.h>
static long jump(void) {  /* seconds: an hour back, a day on, by turns of 50 ms */
  struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t);
  return (t.tv_sec * 20 + t.tv_nsec / 50000000) % 2 ? 86400 : -3600;
}
int clock_gettime(clockid_t clock, struct timespec *t) {
  static int (*real)(clockid_t, struct timespec *);
  if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
  int result = real(clock, t);
  if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE) t->tv_sec += jump();
  return result;
}
int gettimeofday(struct timeval *t, void *zone) {
  struct timespec now; clock_gettime(CLOCK_REALTIME, &now);
  t->tv_sec = now.tv_sec; t->tv_usec = now.tv_nsec / 1000; return 0;
}
time_t time(time_t *t) {
  struct timespec now; clock_gettime(CLOCK_REALTIME, &now);
  if (t) *t = now.tv_sec;
  return now.tv_sec;
}
"""
COPIES = 4
"""Of every sample, turned: enough that a run can be disturbed in the middle."""
NOT_STARTED = "simam_viz: No workers can be had: they did not start in time.\n"
TRIES = 2
"""So often the same command may be needed once more."""
OWN = """from torch import nn
import simam_viz
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = simam_viz.load_checkpoint(simam_viz.list_checkpoints()[0].name).model
    def forward(self, x):
        return self.body(x)
"""
"""A network of one's own file, which no worker has."""


@dataclass(frozen=True)
class Place:
    """Photos, and what one process makes of them."""

    photos: Path
    network: tuple[str, ...]
    expected: dict[str, bytes]
    scratch: Path

    def command(self, out: Path, *more: str) -> list[str]:
        asked = ["analyze", str(self.photos), *self.network, "--out", str(out), "--size", "96", *more]
        return [sys.executable, "-m", "simam_viz", *asked]

    def out(self) -> Path:
        """An empty folder for what a run writes."""
        return Path(tempfile.mkdtemp(prefix="out-", dir=self.scratch))


@dataclass(frozen=True)
class Workers:
    """Who does the work."""

    words: tuple[str, ...]
    """What a command says of it."""
    head: Head | None = None
    """Of a cluster that was there before; without one, whatever there is, a run has started itself."""


Fault = Callable[[Place, Workers], str]


def run() -> bool:
    """All faults with whatever workers there can be; whether everything held."""
    has_ray = importlib.util.find_spec("ray") is not None
    if not has_ray:
        print("faults: without Ray, which is not installed")
    here: tuple[Fault, ...] = (worker_killed, run_killed, two_runs, full_disk, clock_jumps)
    with tempfile.TemporaryDirectory() as scratch:
        place = _place(Path(scratch) / "bundled")
        held = [_told("processes", fault, place, Workers(("--processes", "2"))) for fault in here]
        if has_ray:
            held += [_told("ray", fault, place, Workers(("--ray", "local"))) for fault in (*here, head_killed)]
            own = _place(Path(scratch) / "own", OWN)
            with ray_head() as head:
                for name, address in head.addresses.items():
                    workers = Workers(("--ray", address), head)
                    held += [_told(f"ray at {name}", fault, own, workers) for fault in (worker_killed, run_killed)]
                for name, address in head.addresses.items():
                    head.kill()  # it still runs where the last fault did not hold
                    head.begin()
                    held.append(_told(f"ray at {name}", head_killed, own, Workers(("--ray", address), head)))
    return all(held)


def _told(kind: str, fault: Fault, place: Place, workers: Workers) -> bool:
    name = f"{kind}, {fault.__name__.replace('_', ' ')}"
    start = time.monotonic()
    try:
        said = fault(place, workers) or "held"
        held = True
    except (AssertionError, subprocess.SubprocessError, OSError) as error:
        said, held = f"WRONG: {error}", False
    print(f"faults: {name}: {said} ({time.monotonic() - start:.0f} s)", flush=True)
    return held


def worker_killed(place: Place, workers: Workers) -> str:
    _disturbed(
        place, workers, lambda run: os.kill(_worker(run if workers.head is None else workers.head.pid), signal.SIGKILL)
    )
    return ""


def head_killed(place: Place, workers: Workers) -> str:
    def kill(run: int) -> None:
        if workers.head is not None:
            workers.head.kill()
            return
        (bridge,) = _leaders(run)
        os.kill(called(bridge, "gcs_server"), signal.SIGKILL)
        os.kill(called(bridge, "raylet/raylet"), signal.SIGKILL)

    said = _disturbed(place, workers, kill)
    assert said.count("The workers are lost (") == 1, said
    return ""


def run_killed(place: Place, workers: Workers) -> str:
    """Killed with everything that it started, as by a machine that stops; the same command goes on."""
    out = place.out()
    with _started(place, out, workers) as process:
        _until(process, out, 3)
        children = {pid for leader in _leaders(process.pid) for pid in in_session(leader)}
        for pid in (process.pid, *children):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()
    _goes_on(place, out, workers)
    return ""


def two_runs(place: Place, workers: Workers) -> str:
    out = place.out()
    with _started(place, out, workers) as process:
        _until(process, out, 1)
        process.send_signal(signal.SIGSTOP)  # or it might be done before the second has begun
        second = subprocess.run(place.command(out), cwd=ROOT, capture_output=True, text=True, check=False)
        process.send_signal(signal.SIGCONT)
        _ended_well(process)
    assert second.returncode == 2 and second.stderr.count("\n") == 1, second.stderr
    assert "Another run is writing into" in second.stderr, second.stderr
    _same(place, out)
    return ""


def full_disk(place: Place, workers: Workers) -> str:
    """A disk of its own with room for a third of the files; then room is made, and the same command goes on."""
    room = sum(map(len, place.expected.values())) // 3
    out = place.out()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={room}", "tmpfs", str(out)], capture_output=True, check=False
    )
    if mounted.returncode:
        return "left out, since no disk can be mounted here"
    try:
        with _started(place, out, workers) as process:
            said = process.communicate()[0]
        assert process.returncode == 2, said
        sentences = [line for line in said.splitlines() if line.startswith("simam_viz: ")]
        assert len(sentences) == 1 and sentences[0].endswith("No space left on device."), said
        assert "Traceback" not in said and not list(out.rglob("*.tmp")), said
        assert _answers(out), "no photo was finished before the disk was full"
        assert all(place.expected[name] == data for name, data in _tree(out).items() if name.endswith("top5.json"))
        subprocess.run(["mount", "-o", "remount,size=256m", str(out)], check=True)
        _goes_on(place, out, workers)
    finally:
        subprocess.run(["umount", str(out)], check=True)
    return ""


def clock_jumps(place: Place, workers: Workers) -> str:
    """The clock of the run, of its workers and of Ray jumps back and on many times a second.

    Ray's own start hangs now and then where it does: then that is one sentence, and the same command is tried again.
    """
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or sys.platform != "linux":
        return "left out, since there is no compiler for a clock that jumps"
    library, source = place.scratch / "clock.so", place.scratch / "clock.c"
    source.write_text(CLOCK)
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    look = "import time; print(max(abs(time.time() - time.monotonic() - %r) for _ in range(9) if not time.sleep(0.03)))"
    asked = [sys.executable, "-c", look % (time.time() - time.monotonic())]
    jumped = subprocess.run(
        asked, env=os.environ | {"LD_PRELOAD": str(library)}, capture_output=True, text=True, check=True
    )
    assert float(jumped.stdout) > 3000, "the clock does not jump"
    out = place.out()
    failed = 0
    while True:
        with _started(place, out, workers, LD_PRELOAD=str(library)) as process:
            said = process.communicate(timeout=400)[0]
        if "--ray" not in workers.words or not said.endswith(NOT_STARTED) or failed == TRIES:
            break
        assert process.returncode == 2 and "Traceback" not in said, said
        failed += 1
    assert process.returncode == 0 and "Traceback" not in said, said
    _same(place, out)
    return (
        f"held, after Ray itself did not start, {failed} of {failed + 1} times; each said so in one sentence"
        if failed
        else ""
    )


def _place(scratch: Path, code: str = "") -> Place:
    """Photos, and what one process makes of them through the bundled network, or through that of ``code``."""
    photos = scratch / "photos"
    photos.mkdir(parents=True)
    for sample in list_samples():
        for turn in range(COPIES):
            sample.image().rotate(7 * turn).save(photos / f"{sample.name}-{turn}.jpg")
    (photos / "broken.png").write_bytes(b"no photo")
    (scratch / "mine.py").write_text(code)
    place = Place(photos, ("--network", f"{scratch}/mine.py:Net") if code else (), {}, scratch)
    out = place.out()
    alone = os.environ | {"OMP_NUM_THREADS": "1"}
    subprocess.run(place.command(out), cwd=ROOT, check=True, capture_output=True, env=alone)
    return replace(place, expected=_tree(out))


def _disturbed(place: Place, workers: Workers, disturb: Callable[[int], None]) -> str:
    """What a run says that is disturbed in the middle, and ends as if it had not been."""
    out = place.out()
    with _started(place, out, workers) as process:
        _until(process, out, 3)
        disturb(process.pid)
        said = _ended_well(process)
    _same(place, out)
    return said


def _goes_on(place: Place, out: Path, workers: Workers) -> None:
    """The same command, after one that did not come to its end: what is done is not done again."""
    done = _answers(out)
    with _started(place, out, workers) as process:
        said = _ended_well(process)
    assert f", {done} of them before" in said, f"{done} photos were done before: {said}"
    _same(place, out)


@contextlib.contextmanager
def _started(place: Place, out: Path, workers: Workers, **environment: str) -> Iterator[subprocess.Popen[str]]:
    own = {
        "PYTHONFAULTHANDLER": "1",
        "OMP_NUM_THREADS": "1",
        "SIMAM_VIZ_RAY_WORKERS": "2",
        "RAY_gcs_rpc_server_reconnect_timeout_s": "3",
    }
    if workers.head is not None:
        own |= workers.head.environment
    process = subprocess.Popen(
        place.command(out, *workers.words), cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env=os.environ | own | environment,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def _ended_well(process: subprocess.Popen[str]) -> str:
    said, _nothing = process.communicate(timeout=400)
    assert process.returncode == 0, said
    assert "Traceback" not in said, said
    return said


def _leaders(run: int) -> list[int]:
    """The processes that a run started, each of a session of its own."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parent, _group, session = map(int, (folder / "stat").read_text().rpartition(")")[2].split()[1:4])
            if parent == run and session == int(folder.name):
                found.append(session)
    return found


def _worker(run: int) -> int:
    """A worker of what a run started, or of a cluster."""
    for leader in (run, *_leaders(run)):
        for pid, line in in_session(leader).items():
            if line.startswith("ray::Holder") or "simam_viz.cluster.worker" in line:
                return pid
    raise AssertionError("no worker is there")


def _answers(out: Path) -> int:
    return len(list(out.glob("*/top5.json")))


def _tree(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def _same(place: Place, out: Path) -> None:
    """The same files, none more, in the same order in the summary."""
    found = _tree(out)
    assert found.keys() == place.expected.keys(), sorted(found.keys() ^ place.expected.keys())
    differing = [name for name, data in found.items() if data != place.expected[name]]
    assert not differing, f"these files differ: {differing}"
    with (out / "summary.csv").open(encoding="utf-8-sig", newline="") as file:
        names = [row["photo"] for row in csv.DictReader(file)]
    assert len(names) == len(set(names)) == COPIES * len(list_samples()) + 1


def _until(run: subprocess.Popen[str], out: Path, answers: int, seconds: float = 180) -> None:
    """Wait until so many photos are done."""
    end = time.monotonic() + seconds
    while _answers(out) < answers:
        if run.poll() is None and time.monotonic() > end:
            run.send_signal(signal.SIGABRT)  # then it says where it was, see _started
        if run.poll() is not None or time.monotonic() > end:
            raise AssertionError(f"after {_answers(out)} photos it came no further: {run.communicate()[0]}")
        time.sleep(0.02)
