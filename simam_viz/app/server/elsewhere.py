"""Who computes for the app: a Ray cluster where one is configured and there, else this process."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from ...cluster.crew import Crew, LostError
from ...cluster.doing import HERE, Doing
from ...cluster.joining import has_ray, ray_crew
from ...wording import later
from .turns import TURNS, Turns

T = TypeVar("T")
AWAY = later(
    "The Ray cluster of this server is gone, or cannot be reached: the server computes by itself until it is back, and those who "
    "wait, wait longer."
)
NO_RAY = later(
    "This server was told to use a Ray cluster, and Ray is not installed: run pip install 'simam-viz[cluster]'."
)
"""For the log; on a page, through :func:`~simam_viz.wording._`."""
_LOOK_SECONDS = 0.5
_AGAIN_SECONDS = 30.0
_log = logging.getLogger(__name__)


class Elsewhere:
    """Looks after the cluster: joins it, turns to this process when it is lost, and joins it again."""

    def __init__(self, turns: Turns) -> None:
        self._turns, self._own_turns = turns, turns.at_once
        self._crew: Crew | None = None
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self.configured = False
        """Whether there is to be a cluster."""
        self.trouble = ""
        """A sentence for :func:`~simam_viz.wording._`, where there is none; empty while it is joined for the first time."""

    @property
    def doing(self) -> Doing:
        """Who computes now."""
        crew = self._crew
        return HERE if crew is None or crew.trouble else crew

    def begin(self, address: str, again: float = _AGAIN_SECONDS) -> None:
        """Join the cluster at an address from now on, in the background."""
        self.configured = True
        if not has_ray():
            self.trouble = NO_RAY
            _log.error(NO_RAY)
            return
        self._thread = threading.Thread(target=self._keep, args=(address, again), name="cluster", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Leave the cluster, and wait until that is done."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()

    def _keep(self, address: str, again: float) -> None:
        while not self._ended.is_set():
            try:
                self._crew = crew = ray_crew(address, _log.warning)
            except (LostError, OSError) as error:
                _log.warning("%s", error)
            else:
                self.trouble = ""
                self._turns.allow(max(crew.workers, self._own_turns))
                while not crew.trouble and not self._ended.wait(_LOOK_SECONDS):
                    pass
                self._crew = None
                self._turns.allow(self._own_turns)
                crew.close()
            self.trouble = AWAY
            self._ended.wait(again)


ELSEWHERE = Elsewhere(TURNS)


def do(function: Callable[..., T], *args: Any, **named: Any) -> T:
    """``function(*args, **named)``, a pure function, by whoever computes now."""
    return ELSEWHERE.doing.do(function, *args, **named)
