"""The app with a way to ask what its process holds: ``python -m tests.helpers.watched_server FOLDER run app.py …``

A file ``ask`` in FOLDER is answered by ``held.json``. Every analysis takes a second longer, so that one can be left in the middle.
What Streamlit keeps for itself about its sessions is out of the app's reach, as if it had other names.
"""

from __future__ import annotations

import gc
import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from streamlit import runtime
from streamlit.runtime.app_session import AppSession
from streamlit.runtime.memory_session_storage import MemorySessionStorage
from streamlit.runtime.runtime import Runtime
from streamlit.runtime.websocket_session_manager import WebsocketSessionManager
from streamlit.web import cli

from simam_viz.explain import variants

T = TypeVar("T")
WATCHED = ("AppSession", "Upload", "Photo", "Analysis")
PRIVATE = {
    Runtime: ["_session_mgr"],
    WebsocketSessionManager: ["_session_storage", "_storage_lock", "_active_session_info_by_id"],
    MemorySessionStorage: ["_cache"],
    AppSession: ["_fragment_storage", "_session_state"],
}


def held() -> dict[str, int]:
    """Sessions, photos, analyses and uploaded files in memory, but for what is everybody's; turns that are taken or waited for."""
    gc.collect()
    count = Counter(type(thing).__name__ for thing in gc.get_objects())
    count["Analysis"] -= len(sys.modules["simam_viz.app.server.everybody"].ANALYSES._kept)
    turns = sys.modules["simam_viz.app.server.turns"].TURNS
    files = runtime.get_instance().uploaded_file_mgr.file_storage
    return {name: count[name] for name in WATCHED} | {
        "files": sum(map(len, files.values())), "taken": turns.taken, "waiting": turns.waiting,
    }  # fmt: skip


def ask(folder: Path, seconds: float = 20) -> dict[str, int]:
    """What the server that watches ``folder`` holds now."""
    answer = folder / "held.json"
    answer.unlink(missing_ok=True)
    (folder / "ask").touch()
    end = time.monotonic() + seconds
    while not answer.exists():
        assert time.monotonic() < end, "the server does not say what it holds"
        time.sleep(0.02)
    return json.loads(answer.read_text(encoding="utf-8"))


def _answer(folder: Path) -> None:
    while True:
        time.sleep(0.02)
        if (folder / "ask").exists() and "simam_viz.app.server.turns" in sys.modules:
            (folder / "ask").unlink()
            (folder / "held.tmp").write_text(json.dumps(held()), encoding="utf-8")
            (folder / "held.tmp").replace(folder / "held.json")


def _hidden(name: str) -> property:
    """An attribute that the app does not find."""
    kept = f"{name} of its own"

    def get(self: object) -> object:
        if str(sys._getframe(1).f_globals["__name__"]).startswith("simam_viz"):
            raise AttributeError(f"Streamlit has no {name} any more")
        return self.__dict__[kept]

    return property(get, lambda self, value: self.__dict__.__setitem__(kept, value))


def _slower(work: Callable[..., T]) -> Callable[..., T]:
    def slow(*arguments: Any, **options: Any) -> T:
        time.sleep(1)
        return work(*arguments, **options)

    return slow


if __name__ == "__main__":
    for owner, names in PRIVATE.items():
        for name in names:
            setattr(owner, name, _hidden(name))
    variants.analyze_together = _slower(variants.analyze_together)  # what pages call
    threading.Thread(target=_answer, args=(Path(sys.argv[1]),), daemon=True).start()
    sys.argv = ["streamlit", *sys.argv[2:]]
    cli.main()
