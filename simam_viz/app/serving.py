"""The app in the process of a person's own program: a network that lives in a notebook can be reached from there alone."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
import threading
import time
import webbrowser
from urllib.parse import quote

from streamlit import config, runtime
from streamlit.web import bootstrap
from streamlit.web.server import Server

from ..checkpoints.loaded import LoadedCheckpoint
from ..paths import ROOT
from ..wording import _, why
from . import given

_SERVED: dict[str, int] = {}
_WAIT_SECONDS = 60


def show(
    network: LoadedCheckpoint,
    *,
    port: int | None = None,
    block: bool | None = None,
    browser: bool = False,
    host: str = "127.0.0.1",
) -> str:
    """Open the app on a network of this process.

    Args:
        network: from :func:`simam_viz.wrap` or :func:`simam_viz.load_checkpoint`.
        port: where to serve; ``None`` takes a free one. The app that already runs in this process keeps its own.
        block: whether to wait until it is interrupted; ``None`` does so in a script, which would end, and not in a notebook or
            at the prompt.
        browser: whether to open the address in a browser.
        host: at which of this machine's addresses to serve; the default serves this machine alone.

    Returns:
        The address, as this machine calls it.

    Raises:
        RuntimeError: the server did not start.
    """
    name = given.give(network)
    if "port" not in _SERVED:
        _SERVED["port"] = _serve(port, host)
    address = f"http://127.0.0.1:{_SERVED['port']}/?checkpoint={quote(name)}"
    if browser:
        webbrowser.open(address)
    if _in_a_script() if block is None else block:
        print(_("SimAM Viz shows {name} at {address} (Ctrl-C ends it).", name=name, address=address), flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            while True:
                time.sleep(3600)
    return address


def _in_a_script() -> bool:
    return not hasattr(sys, "ps1") and "IPython" not in sys.modules


def _serve(port: int | None, host: str) -> int:
    if runtime.exists():  # this program is itself run by Streamlit
        return int(config.get_option("server.port"))
    port = _free_port() if port is None else port
    with socket.socket() as probe:
        try:
            # As the server does: one that has just ended is no bar.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
        except OSError as error:
            taken = why(error)
            raise RuntimeError(
                _(
                    "The app cannot be served at {host}:{port}: {reason}. Name another port.",
                    host=host,
                    port=port,
                    reason=taken,
                )
            ) from None
    given.keep_main()
    script = str(ROOT / "app.py")
    config._main_script_path = script  # noqa: SLF001  (as Streamlit's own start does: settings lie beside the script)
    options = {
        "server.port": port, "server.address": host, "server.headless": True, "server.fileWatcherType": "none",
        "browser.gatherUsageStats": False,
    }  # fmt: skip
    bootstrap.load_config_options({name.replace(".", "_"): value for name, value in options.items()})
    ready = threading.Event()
    trouble: list[BaseException] = []

    async def run() -> None:
        server = Server(script, is_hello=False)
        await server.start()
        ready.set()
        await server.stopped

    def work() -> None:
        try:
            asyncio.run(run())
        except BaseException as error:
            trouble.append(error)
            ready.set()

    threading.Thread(target=work, name="simam-viz", daemon=True).start()
    if not ready.wait(_WAIT_SECONDS) or trouble:
        reason = trouble[0] if trouble else _("it took too long")
        raise RuntimeError(_("The app could not be started on port {port}: {reason}.", port=port, reason=reason))
    return port


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
