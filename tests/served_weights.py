"""A server of our own in the place of torchvision's."""

from __future__ import annotations

import contextlib
import functools
import http.server
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from simam_viz import create_model, torchvision_weights
from simam_viz.checkpoints import file_hash


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[str]:
    """The address at which the files in a new ``folder`` lie."""
    folder.mkdir()
    handler = functools.partial(QuietHandler, directory=str(folder))
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
