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
from dataclasses import dataclass
from pathlib import Path

from simam_viz.photos.samples import list_samples
from tests.helpers.processes import called, in_session
from tests.helpers.project import ROOT

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
WORKERS = {"processes": ["--processes", "2"], "ray": ["--ray", "local"]}


@dataclass(frozen=True)
class Place:
    """Photos, and what one process makes of them."""

    photos: Path
    expected: dict[str, bytes]
    scratch: Path

    def command(self, out: Path, *more: str) -> list[str]:
        asked = ["analyze", str(self.photos), "--out", str(out), "--size", "96", *more]
        return [sys.executable, "-m", "simam_viz", *asked]


def run() -> bool:
    """All faults with whatever workers there can be; whether everything held."""
    kinds = [kind for kind in WORKERS if kind != "ray" or importlib.util.find_spec("ray") is not None]
    if "ray" not in kinds:
        print("faults: without Ray, which is not installed")
    with tempfile.TemporaryDirectory() as scratch:
        place = _place(Path(scratch))
        held = []
        for kind in kinds:
            for fault in (worker_killed, run_killed, two_runs, full_disk, clock_jumps):
                held.append(_told(f"{kind}, {fault.__name__.replace('_', ' ')}", fault, place, WORKERS[kind]))
        if "ray" in kinds:
            held.append(_told("ray, head killed", head_killed, place, WORKERS["ray"]))
    return all(held)


def _told(name: str, fault: Callable[[Place, list[str]], str], place: Place, workers: list[str]) -> bool:
    start = time.monotonic()
    try:
        said = fault(place, workers) or "held"
        held = True
    except (AssertionError, subprocess.SubprocessError, OSError) as error:
        said, held = f"WRONG: {error}", False
    print(f"faults: {name}: {said} ({time.monotonic() - start:.0f} s)", flush=True)
    return held


def worker_killed(place: Place, workers: list[str]) -> str:
    out = Path(tempfile.mkdtemp(prefix="out-", dir=place.scratch))
    with _started(place, out, workers) as process:
        _wait(lambda: _answers(out) >= 3)
        os.kill(_worker(process.pid), signal.SIGKILL)
        _ended_well(process)
    _same(place, out)
    return ""


def run_killed(place: Place, workers: list[str]) -> str:
    """Killed with everything that it started, as by a machine that stops; the same command goes on."""
    out = Path(tempfile.mkdtemp(prefix="out-", dir=place.scratch))
    with _started(place, out, workers) as process:
        _wait(lambda: _answers(out) >= 3)
        children = {pid for leader in _leaders(process.pid) for pid in in_session(leader)}
        for pid in (process.pid, *children):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()
    done = _answers(out)
    with _started(place, out, workers) as process:
        said = _ended_well(process)
    assert f", {done} of them before" in said, f"{done} photos were done before: {said}"
    _same(place, out)
    return ""


def head_killed(place: Place, workers: list[str]) -> str:
    out = Path(tempfile.mkdtemp(prefix="out-", dir=place.scratch))
    with _started(place, out, workers) as process:
        _wait(lambda: _answers(out) >= 3)
        (bridge,) = _leaders(process.pid)
        os.kill(called(bridge, "gcs_server"), signal.SIGKILL)
        os.kill(called(bridge, "raylet/raylet"), signal.SIGKILL)
        said = _ended_well(process)
    assert said.count("The workers are lost (") == 1, said
    _same(place, out)
    return ""


def two_runs(place: Place, workers: list[str]) -> str:
    out = Path(tempfile.mkdtemp(prefix="out-", dir=place.scratch))
    with _started(place, out, workers) as process:
        _wait(lambda: _answers(out) >= 1)
        process.send_signal(signal.SIGSTOP)  # or it might be done before the second has begun
        second = subprocess.run(place.command(out), cwd=ROOT, capture_output=True, text=True, check=False)
        process.send_signal(signal.SIGCONT)
        _ended_well(process)
    assert second.returncode == 2 and second.stderr.count("\n") == 1, second.stderr
    assert "Another run is writing into" in second.stderr, second.stderr
    _same(place, out)
    return ""


def full_disk(place: Place, workers: list[str]) -> str:
    """A disk of its own with room for a third of the files; then room is made, and the same command goes on."""
    room = sum(map(len, place.expected.values())) // 3
    out = Path(tempfile.mkdtemp(prefix="out-", dir=place.scratch))
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
        done = _answers(out)
        assert done, "no photo was finished before the disk was full"
        assert all(place.expected[name] == data for name, data in _tree(out).items() if name.endswith("top5.json"))
        subprocess.run(["mount", "-o", "remount,size=256m", str(out)], check=True)
        with _started(place, out, workers) as process:
            said = _ended_well(process)
        assert f", {done} of them before" in said, said
        _same(place, out)
    finally:
        subprocess.run(["umount", str(out)], check=True)
    return ""


def clock_jumps(place: Place, workers: list[str]) -> str:
    """The clock of the run, of its workers and of Ray jumps back and on many times a second."""
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
    out = Path(tempfile.mkdtemp(prefix="out-", dir=place.scratch))
    with _started(place, out, workers, LD_PRELOAD=str(library)) as process:
        _ended_well(process)
    _same(place, out)
    return ""


def _place(scratch: Path) -> Place:
    photos = scratch / "photos"
    photos.mkdir()
    for sample in list_samples():
        for turn in range(COPIES):
            sample.image().rotate(7 * turn).save(photos / f"{sample.name}-{turn}.jpg")
    (photos / "broken.png").write_bytes(b"no photo")
    out = scratch / "expected"
    place = Place(photos, {}, scratch)
    subprocess.run(
        place.command(out), cwd=ROOT, check=True, capture_output=True, env=os.environ | {"OMP_NUM_THREADS": "1"}
    )
    return Place(photos, _tree(out), scratch)


@contextlib.contextmanager
def _started(place: Place, out: Path, workers: list[str], **environment: str) -> Iterator[subprocess.Popen[str]]:
    own = {"OMP_NUM_THREADS": "1", "SIMAM_VIZ_RAY_WORKERS": "2", "RAY_gcs_rpc_server_reconnect_timeout_s": "3"}
    process = subprocess.Popen(
        place.command(out, *workers), cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
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
    for leader in _leaders(run):
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


def _wait(holds: Callable[[], bool], seconds: float = 180) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.02)
