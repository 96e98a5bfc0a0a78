"""Whether memory stays where it is, and what one more user costs. Linux only: figures come from /proc."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import io
import itertools
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from simam_viz.photos.samples import list_samples
from tools.served import ROOT

from .measure import Budget, Row, missing, quartiles
from .server import Server, running
from .sessions import Session

GROUP = "memory"


def rows(quick: bool) -> list[Row]:
    if not Path("/proc/self/status").exists():
        return [missing(GROUP, "every row", "needs Linux's /proc")]
    times = 20 if quick else 200
    with running() as server:
        found = asyncio.run(_users_and_moves(server, times, 3 if quick else 8))
    return [*found, _photos(times)]


async def _users_and_moves(server: Server, moves: int, users: int) -> list[Row]:
    photos = [sample.name for sample in list_samples()]
    first = await Session.open(server, photos[0])
    stops = [text for text in first.options if "trained" not in text]
    for text in stops[-8:]:
        await first.move(text)
    one = server.resident()
    resident = []
    for index, text in zip(range(moves), itertools.cycle(stops), strict=False):
        await first.move(text)
        if (index + 1) % max(1, moves // 10) == 0:
            resident.append(server.resident())
    before = server.resident()
    more = []
    sessions = [first]
    for index in range(users):
        visitor = await Session.open(server, photos[(index + 1) % len(photos)])
        sessions.append(visitor)
        # As many moves as a session's cache holds analyses, so that it is full.
        for text in stops[-5:]:
            await visitor.move(text)
        more.append(server.resident() - before)
        before = server.resident()
    for session in sessions:
        await session.close()
    low, _, high = quartiles(more)
    return [
        Row(GROUP, "app with one user, bundled checkpoint, Overview", one, "MiB", budgets=(Budget("≤", 1024),)),
        _growth(f"app: growth over {moves} moves of λ, second half", resident),
        Row(
            *(GROUP, f"one more user with a full cache, mean of {users}", sum(more) / users, "MiB"),
            *(low, high, "quartiles", (Budget("≤", 50),)),
        ),
    ]  # fmt: skip


def _photos(number: int) -> Row:
    """Uploads go through the page in a process of its own, by Streamlit's AppTest."""
    result = subprocess.run(
        [sys.executable, "-m", "benchmarks.memory", str(number)], cwd=ROOT, capture_output=True, text=True
    )
    if result.returncode:
        return missing(
            GROUP, f"page: growth over {number} different photos", result.stderr.strip().splitlines()[-1][:200]
        )
    return _growth(
        f"page: growth over {number} different photos, second half", [float(v) for v in result.stdout.split()]
    )


def _growth(name: str, resident: list[float]) -> Row:
    """Growth of the second half of a run: the first fills the caches and the allocator's arenas."""
    grown = resident[-1] - resident[len(resident) // 2 - 1]
    path = " → ".join(f"{value:.0f}" for value in (resident[0], resident[len(resident) // 2 - 1], resident[-1]))
    return Row(GROUP, name, grown, "MiB", budgets=(Budget("≤", 20),), note=f"{path} MiB")


def look_at_photos(number: int) -> list[float]:
    """Upload ``number`` different photos one after the other; resident MiB ten times along the way."""
    from streamlit.testing.v1 import AppTest

    resident = []
    generator = np.random.default_rng(0)
    page = AppTest.from_file(str(ROOT / "app.py"), default_timeout=300).run()
    for index in range(number):
        noise = generator.integers(0, 255, (48, 64, 3), dtype=np.uint8)
        buffer = io.BytesIO()
        Image.fromarray(noise).resize((1600, 1200)).save(buffer, "JPEG")
        page.file_uploader[0].set_value((f"{index}.jpg", buffer.getvalue(), "image/jpeg"))
        page.run()
        if page.exception or f"{index}.jpg" not in str(page.selectbox[0].options):
            raise RuntimeError(f"Photo {index} was not taken.")
        if (index + 1) % max(1, number // 10) == 0:
            gc.collect()  # AppTest leaves its pages in circles, eleven megabytes a photo
            ctypes.CDLL(None).malloc_trim(0)
            for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
                if line.startswith("VmRSS:"):
                    resident.append(int(line.split()[1]) / 1024)
    return resident


if __name__ == "__main__":
    print(*look_at_photos(int(sys.argv[1])))
