"""A server of our own in the place of torchvision's.

``python -m tests.helpers.served_weights ADDRESS run app.py …`` runs the app with torchvision's weights at that address.
"""

from __future__ import annotations

import contextlib
import functools
import http.server
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from simam_viz import create_model
from simam_viz.checkpoints import torchvision_weights
from simam_viz.checkpoints.loading import file_hash


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


class EndlessHandler(QuietHandler):
    """Promises 40 MB and sends them so slowly that nobody sees the end."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(40_000_000))
        self.end_headers()
        for _ in range(600):
            self.wfile.write(bytes(2**20))
            time.sleep(0.2)


@contextlib.contextmanager
def serving(folder: Path, kind: type[QuietHandler] = QuietHandler) -> Iterator[str]:
    """The address at which the files in a new ``folder`` lie."""
    folder.mkdir()
    handler = functools.partial(kind, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as instance:
        instance.handle_error = lambda *_: None  # a client that goes away in mid-file is what one of the tests does
        thread = threading.Thread(target=instance.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{instance.server_port}"
        finally:
            instance.shutdown()
            thread.join()


def publish(address: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> torchvision_weights.Published:
    """``resnet18-imagenet1k-v1`` as the server has it: random weights under their right hash."""
    torch.manual_seed(0)
    torch.save(create_model("resnet18", "none", 1000).state_dict(), folder / "weights.pth")
    original = torchvision_weights.published()["resnet18-imagenet1k-v1"]
    ours = replace(original, address=f"{address}/weights.pth", sha256_start=file_hash(folder / "weights.pth")[:8])
    monkeypatch.setattr(torchvision_weights, "published", lambda: {ours.name: ours})
    return ours


if __name__ == "__main__":
    from streamlit.web import cli

    server = sys.argv.pop(1)
    elsewhere = {
        name: replace(weights, address=f"{server}/weights.pth")
        for name, weights in torchvision_weights.published().items()
    }
    torchvision_weights.published = lambda: elsewhere
    cli.main(prog_name="streamlit")
