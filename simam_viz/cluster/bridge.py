"""Between this program and a Ray cluster: ``python -m simam_viz.cluster.bridge ADDRESS``, spoken to as a :mod:`~simam_viz.cluster.worker`.

A process of its own: where its cluster is lost, Ray ends the process that it runs in, and that must not be the app. It sees
bytes alone: photos go through it within a call, and no object of Ray's outlives the answer. Networks are kept as objects until
they are dropped.
"""

from __future__ import annotations

import os
import pickle
import queue
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from ..version import VERSION
from ..wording import _
from . import worker

LOCAL, AUTO = "local", "auto"
_LOST = "RAY_gcs_rpc_server_reconnect_timeout_s"
"""Ray's own name for how long a cluster may be without its head before it counts as lost."""
_LOOPBACK = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"
"""Ray's own name for whether it takes this machine for one that others can reach, on whatever system."""
_START_SECONDS = 120.0
"""So long a worker may take to start."""
_TRIES = 3
"""So many workers may end over one call."""
_STORE_BYTES = 256 * 2**20
"""Of memory for objects, in a cluster of this machine alone."""


def environment(address: str, folder: Path) -> dict[str, str]:
    """What the bridge's process is told beside its address.

    Nothing is reported to Ray's makers; a cluster of this machine listens on the loopback address alone, and one that does is
    looked for there; and the file in ``folder``, which is taken for the home of its processes, keeps Ray from asking clouds
    whether it runs in one. There lies also the word by which its processes know each other, so nobody else on this machine can
    use it.
    """
    told = {
        "RAY_USAGE_STATS_ENABLED": "0",
        _LOST: os.environ.get(_LOST, "10"),
        "RAY_BACKEND_LOG_LEVEL": "fatal",
    }
    if address == LOCAL:
        (folder / "ray_bootstrap_config.yaml").write_text("{}\n", encoding="utf-8")
        told |= {"HOME": str(folder), "SIMAM_VIZ_HOME": str(Path.home())}
    if address == LOCAL or _on_loopback(address):
        told[_LOOPBACK] = "0"
    return told


def _on_loopback(address: str) -> bool:
    """Whether a cluster was named by this machine's loopback address: Ray would look for it at another address of the machine."""
    if address == AUTO:
        folder = os.environ.get("RAY_TMPDIR") or ("/tmp" if sys.platform == "darwin" else tempfile.gettempdir())  # noqa: S108
        noted = Path(folder, "ray", "ray_current_cluster")
        address = os.environ.get("RAY_ADDRESS") or (noted.read_text(encoding="utf-8") if noted.is_file() else "")
    return address.rpartition(":")[0] in ("127.0.0.1", "localhost", "[::1]")


def _begun(address: str, workers: int) -> None:
    """Join the cluster at an address, or start one here."""
    import ray

    quiet: dict[str, Any] = {"logging_level": "CRITICAL", "log_to_driver": False, "namespace": "simam-viz"}
    if address != LOCAL:
        ray.init(address, **quiet)
        return
    ray.init(
        LOCAL, num_cpus=workers or os.cpu_count(), include_dashboard=False, object_store_memory=_STORE_BYTES,
        _node_ip_address="127.0.0.1", _temp_dir=os.environ["HOME"],
        **quiet,
    )  # fmt: skip


@dataclass
class _Call:
    number: int
    call: bytes
    names: list[str]
    tries: int = 0


class Bridge:
    """The actors of a cluster, each with a thread that hands it one call after the other.

    Args:
        address: of the cluster, as :func:`simam_viz.cluster.joining.ray_crew` takes it.
        workers: how many actors; 0: as many as the cluster has processors.
        answers: where answers go.
    """

    def __init__(self, address: str, workers: int, answers: BinaryIO) -> None:
        import ray

        _begun(address, workers)
        self._ray, self._answers, self._shared = ray, answers, address != LOCAL
        self.workers = workers or max(1, int(ray.cluster_resources().get("CPU", 1)))
        self._actor = ray.remote(num_cpus=1, max_restarts=0)(worker.Holder)
        self._calls: queue.Queue[_Call] = queue.Queue()
        self._networks: dict[str, Any] = {}
        """References to the bytes of networks."""
        self._actors: dict[int, Any] = {}
        self._lock = threading.Lock()

    def start(self) -> None:
        """Begin to work; raises what keeps the first actor from that."""
        self._ready(0)
        for index in range(self.workers):
            threading.Thread(target=self._work, args=(index,), daemon=True).start()

    def network(self, name: str, network: bytes) -> None:
        """Keep a network."""
        self._networks[name] = self._ray.put(network)

    def drop(self, name: str) -> None:
        """Keep it no more, here and in the actors."""
        self._networks.pop(name, None)
        for actor in list(self._actors.values()):
            actor.drop.remote(name)

    def do(self, number: int, call: bytes, names: list[str]) -> None:
        """Do a call, as soon as an actor is free."""
        self._calls.put(_Call(number, call, names))

    def say(self, *answer: Any) -> None:
        """One answer."""
        with self._lock:
            worker.say(self._answers, *answer)

    def _ready(self, index: int) -> Any:
        """The actor of one thread, which is started where it is not there. Several programs share those of a cluster."""
        if index not in self._actors:
            how: dict[str, Any] = {}
            if self._shared:
                how = {"name": f"simam-viz-{VERSION}-{index}", "get_if_exists": True, "lifetime": "detached"}
            actor = self._actor.options(**how).remote()
            there, ours = self._ray.get(actor.about.remote(), timeout=_START_SECONDS), (VERSION, _torch())
            if there != ours:
                raise ValueError(
                    _(
                        "The cluster has SimAM Viz {theirs} and PyTorch {their_torch}, and here are {ours} and {our_torch}: install "
                        "the same on both.",
                        theirs=there[0], their_torch=there[1], ours=ours[0], our_torch=ours[1],
                    )
                )  # fmt: skip
            self._actors[index] = actor
        return self._actors[index]

    def _work(self, index: int) -> None:
        while True:
            call = self._calls.get()
            try:
                well, result = self._done(self._ready(index), call)
            except self._ray.exceptions.RayActorError:
                self._actors.pop(index, None)
                self._again(call)
            except Exception as error:  # the cluster itself
                self._again(call, lost=False)
                if not self._without(index):
                    self._end(error)
                    return
            else:
                self.say("done", call.number, well, result)
                del result
            del call  # what waits holds on to no photo

    def _done(self, actor: Any, call: _Call) -> tuple[bool, bytes]:
        networks = {name: self._networks[name] for name in call.names}
        well, result = self._ray.get(actor.do_with.remote(call.call, networks))
        return well, result

    def _again(self, call: _Call, lost: bool = True) -> None:
        call.tries += lost
        if call.tries < _TRIES:
            self._calls.put(call)
        else:
            self.say("gave up", call.number)

    def _without(self, index: int) -> bool:
        """Whether other actors can go on without this one, which is tried again with its next call."""
        self._actors.pop(index, None)
        return bool(self._actors)

    def _end(self, error: Exception) -> None:
        self.say("no", _first_line(error))
        os._exit(1)


def _torch() -> str:
    import torch

    return str(torch.__version__)


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[-1] if lines and "Traceback" in str(error) else lines[0] if lines else type(error).__name__).rstrip(
        "."
    )


def main() -> None:
    """Pass on what is asked until nobody is there to ask, or the cluster is lost."""
    address, workers = sys.argv[1], int(sys.argv[2])
    told, answers = worker.streams()
    try:
        bridge = Bridge(address, workers, answers)
        bridge.start()
    except Exception as error:
        worker.say(answers, "no", _first_line(error))
        os._exit(1)
    bridge.say("ready", bridge.workers)
    takes: dict[str, Callable[..., None]] = {"network": bridge.network, "drop": bridge.drop, "do": bridge.do}
    while True:
        try:
            what, *of = pickle.load(told)  # noqa: S301  (of this program's own)
        except EOFError:
            break
        takes[what](*of)
        of.clear()  # what waits holds on to no photo
    import ray

    ray.shutdown()
    os._exit(0)  # threads may wait for actors that are gone


if __name__ == "__main__":
    main()
