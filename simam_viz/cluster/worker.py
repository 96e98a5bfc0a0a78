"""A worker: holds networks, and does calls with them. ``python -m simam_viz.cluster.worker`` is one, for whoever started it.

What goes between them are tuples, one pickle each: to it ``("network", name, bytes)``, ``("drop", name)`` and
``("do", number, call, names)``; back ``("ready", workers)`` or ``("no", why)``, and ``("done", number, well, result)``.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from typing import Any, BinaryIO

import torch
from torch import nn

from .. import quiet
from ..version import VERSION
from .packing import result_bytes, unpacked

MOST_HELD = 12
"""Networks in one worker; a program asks for fewer."""


class Holder:
    """Holds networks by their names. One thread a worker: there are as many workers as cores."""

    def __init__(self) -> None:
        torch.set_num_threads(1)
        os.environ["HOME"] = os.environ.get("SIMAM_VIZ_HOME") or os.environ.get("HOME", "")  # see bridge.environment
        quiet.quieten()
        self._networks: dict[str, nn.Module] = {}

    def about(self) -> tuple[str, str]:
        """The versions of this package and of PyTorch, which both sides must share."""
        return VERSION, torch.__version__

    def hold(self, name: str, network: bytes) -> None:
        """Hold a network from now on, and let the one go that was not asked for longest where there are too many.

        Whoever asks drops its own; those of a program that was killed would stay.
        """
        self._networks[name] = pickle.loads(network)  # noqa: S301  (of this program's own)
        while len(self._networks) > MOST_HELD:
            del self._networks[next(iter(self._networks))]

    def drop(self, name: str) -> None:
        """Hold a network no more."""
        self._networks.pop(name, None)

    def do(self, call: bytes) -> tuple[bool, bytes]:
        """A call: whether it went well, and its result or what it raised. Nothing of it is kept."""
        try:
            return True, result_bytes(unpacked(call, self._networks)())
        except Exception as error:
            error.__traceback__ = None
            try:
                return False, result_bytes(error)
            except Exception:
                return False, result_bytes(RuntimeError(f"{type(error).__name__}: {error}"))

    def do_with(self, call: bytes, networks: dict[str, Any]) -> tuple[bool, bytes]:
        """The same on a Ray cluster, which has the bytes of the networks, by their names, as objects."""
        import ray

        for name, reference in networks.items():
            if name in self._networks:
                self._networks[name] = self._networks.pop(name)
            else:
                self.hold(name, ray.get(reference))
        return self.do(call)


def streams() -> tuple[BinaryIO, BinaryIO]:
    """What this process is told and where it answers: its standard streams, which nothing else can write into from now on."""
    told, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    return told, answers


def say(answers: BinaryIO, *answer: Any) -> None:
    """One answer."""
    pickle.dump(answer, answers)
    answers.flush()


def main() -> None:
    """Do what is asked until nobody is there to ask."""
    told, answers = streams()
    holder = Holder()
    takes: dict[str, Callable[..., None]] = {"network": holder.hold, "drop": holder.drop}
    say(answers, "ready", 1)
    while True:
        try:
            what, *of = pickle.load(told)  # noqa: S301  (of this program's own)
        except EOFError:
            return
        if what == "do":
            say(answers, "done", of[0], *holder.do(of[1]))
        else:
            takes[what](*of)
        of.clear()  # what waits holds on to no photo


if __name__ == "__main__":
    main()
