"""A few people at once on one server: every answer belongs to its own question, and nothing of a photo reaches the log.

``python -m tests.long sessions`` is the long form.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import pytest
import requests

from simam_viz.checkpoints.loading import LoadedCheckpoint
from tests.helpers import watched_server
from tests.helpers.server import running
from tests.helpers.visitors import Tally, Visitor, headline, own_photo, vanish, visit

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    """What ``work`` comes to, in a thread of its own: in this one, browser tests may have an event loop running."""
    with ThreadPoolExecutor(1) as threads:
        return threads.submit(asyncio.run, work).result()


@pytest.mark.long
def test_every_answer_belongs_to_its_own_question(fresh_server: str, tmp_path: Path, loaded: LoadedCheckpoint) -> None:
    tally = Tally()

    async def everybody() -> str:
        people = [visit(fresh_server, [loaded], seed, tally, lambda turn: turn < 2) for seed in range(3)]
        await asyncio.gather(*people, *(vanish(fresh_server, seed, tally) for seed in range(2)))
        async with Visitor(fresh_server, tally) as last:
            await last.ask({})
            return headline(await last.answer(60))

    last = run(everybody())
    assert tally.wrong == [] and tally.answers == 6 and tally.vanished == 2
    assert last != "no answer", "those who vanished left the turns free"
    log = (tmp_path / "server.log").read_text(encoding="utf-8", errors="replace")
    assert "private" not in log and "upload" not in log.lower() and "Exception" not in log


@pytest.mark.long
def test_who_vanishes_in_the_middle_of_an_analysis_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One is gone while being served, one while waiting, one after the answer; and nobody comes after them."""
    monkeypatch.setenv("SIMAM_VIZ_ANALYSES_AT_ONCE", "1")

    async def until(condition: Callable[[dict[str, int]], bool], seconds: float) -> dict[str, int]:
        end = time.monotonic() + seconds
        while not condition(held := await asyncio.to_thread(watched_server.ask, tmp_path)):
            assert time.monotonic() < end, str(held)
            await asyncio.sleep(0.05)
        return held

    async def come_and_go(address: str) -> dict[str, int]:
        async with (
            Visitor(address, Tally()) as served,
            Visitor(address, Tally()) as waiting,
            Visitor(address, Tally()) as answered,
        ):
            for seed, visitor in enumerate((served, waiting, answered)):
                await visitor.ask({})
                await visitor.answer()
                await visitor.ask({}, await visitor.upload("private.jpg", own_photo(seed)))
                await visitor.answer()
            full = await asyncio.to_thread(watched_server.ask, tmp_path)
            await served.ask({"lambda": "0.3"})
            await until(lambda held: held["taken"] == 1, 20)
            await waiting.ask({"lambda": "0.4"})
            await until(lambda held: held["taken"] == held["waiting"] == 1, 20)
        # Streamlit itself may keep the shell of the session that it served last.
        await until(lambda held: held.pop("AppSession") <= 1 and not any(held.values()), 30)
        return full

    start = ("tests.helpers.watched_server", str(tmp_path))
    with running(tmp_path, "--server.disconnectedSessionTTL", "2", program=start) as address:
        full = run(come_and_go(address))
    assert full["Upload"] == full["files"] == 3 and full["Photo"] and full["Analysis"], "else nothing is watched"
    assert "Traceback" not in (tmp_path / "server.log").read_text(encoding="utf-8", errors="replace")


@pytest.fixture
def photos_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sets the server's limit as a class may that brings no checkpoints."""
    monkeypatch.setenv("STREAMLIT_SERVER_MAX_UPLOAD_SIZE", "20")


def test_a_file_beyond_the_limit_and_a_forged_upload_are_refused(photos_only: None, fresh_server: str) -> None:
    async def try_uploads() -> None:
        async with Visitor(fresh_server, Tally()) as visitor:
            await visitor.ask({})
            await visitor.answer()
            address = f"{fresh_server}/_stcore/upload_file/{visitor.session_id}/a-file"
            token = {"X-Xsrftoken": visitor.http.cookies["_streamlit_xsrf"]}
            put = visitor.http.put
            too_large = await asyncio.to_thread(put, address, files={"f": bytes(21 * 2**20)}, headers=token, timeout=60)
            assert too_large.status_code == 413
            fits = await asyncio.to_thread(put, address, files={"f": b"abc"}, headers=token, timeout=60)
            assert fits.status_code == 204
            forged = await asyncio.to_thread(put, address, files={"f": b"abc"}, timeout=60)
            assert forged.status_code == 403, "a page elsewhere cannot upload in somebody's name"
            # What was uploaded has no address of its own: what comes is the app, as for any path.
            assert requests.get(address, timeout=60).content != b"abc"

    run(try_uploads())
