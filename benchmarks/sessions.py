"""Several people moving λ at once, each over a WebSocket of their own, as a browser does it: in Streamlit's own messages."""

from __future__ import annotations

import asyncio
import base64
import io
import time
import urllib.request
from collections.abc import Iterator
from typing import Self
from urllib.parse import urlencode

import numpy as np
import requests
from PIL import Image

import simam_viz
from simam_viz.app.screens.overview import QUALITY, SMALL
from simam_viz.draw import render
from simam_viz.photos.samples import list_samples

from .measure import Row, durations, missing, peer
from .networks import bundled
from .server import Server, running

GROUP = "sessions"
ALT = "Heat map of SimAM's mean weight over the photo at "
Pictures = dict[str, str]
PATIENCE = 600
"""Seconds for which an answer is waited for."""


class Session:
    """One visitor without a browser. Open with ``await Session.open(server, photo=…)``."""

    def __init__(self, socket: object, server: Server, cookie: str) -> None:
        self.socket, self.server, self.cookie = socket, server, cookie
        self.page_hash = self.slider = self.fragment = self.session_id = self.uploader = ""
        self.uploaded: list[object] = []
        """What the page's uploader holds, which goes along with every message."""
        self.options: list[str] = []
        self.pictures: Pictures = {}
        """Address of each picture by its alternative text."""
        self._cached: dict[str, object] = {}

    @classmethod
    async def open(cls, server: Server, photo: str, **view: str) -> Self:
        """Come to the page of a sample, and to what else the address asks for."""
        from websockets.asyncio.client import connect

        with urllib.request.urlopen(f"{server.address}/_stcore/health", timeout=60) as answer:
            cookie = answer.headers["Set-Cookie"].partition(";")[0]
        address = server.address.replace("http", "ws") + "/_stcore/stream"
        socket = await connect(
            address,
            subprotocols=["streamlit"],
            origin=server.address,
            additional_headers={"Cookie": cookie},
            max_size=None,
        )
        self = cls(socket, server, cookie)
        await self.go(photo=photo, **view)
        return self

    async def go(self, **view: str) -> float:
        """Come to a view by its address; the seconds until the page is whole."""
        from streamlit.proto.BackMsg_pb2 import BackMsg

        message = BackMsg()
        message.rerun_script.query_string = urlencode(view)
        seconds = await self._run(message)
        if not self.slider:
            raise RuntimeError("The app's first page has no λ slider.")
        return seconds

    async def upload(self, data: bytes) -> float:
        """Look at a photo of one's own from now on; the seconds until its page is whole."""
        from streamlit.proto.BackMsg_pb2 import BackMsg
        from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
        from streamlit.proto.WidgetStates_pb2 import WidgetState

        start = time.perf_counter()
        message = BackMsg()
        asked = message.file_urls_request
        asked.request_id, asked.session_id = "1", self.session_id
        asked.file_names.append("own.jpg")
        await self.socket.send(message.SerializeToString())
        reply = ForwardMsg()
        while reply.WhichOneof("type") != "file_urls_response":
            reply.ParseFromString(await asyncio.wait_for(self.socket.recv(), PATIENCE))
        urls = reply.file_urls_response.file_urls[0]
        headers = {"Cookie": self.cookie, "X-Xsrftoken": self.cookie.partition("=")[2]}
        put = await asyncio.to_thread(
            requests.put,
            self.server.address + urls.upload_url,
            files={"own.jpg": data},
            headers=headers,
            timeout=PATIENCE,
        )
        put.raise_for_status()
        widget = WidgetState(id=self.uploader)
        info = widget.file_uploader_state_value.uploaded_file_info.add()
        info.name, info.size, info.file_id = "own.jpg", len(data), urls.file_id
        info.file_urls.CopyFrom(urls)
        self.uploaded = [widget]
        await self._run(BackMsg())
        return time.perf_counter() - start

    async def move(self, text: str) -> float:
        """Set λ to one of the slider's options; the seconds until the script has sent everything and ended."""
        from streamlit.proto.BackMsg_pb2 import BackMsg

        message = BackMsg()
        state = message.rerun_script
        state.page_script_hash, state.fragment_id = self.page_hash, self.fragment
        widget = state.widget_states.widgets.add()
        widget.id = self.slider
        widget.string_array_value.data.append(text)
        return await self._run(message)

    async def close(self) -> None:
        await self.socket.close()

    async def _run(self, message: object) -> float:
        from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

        start = time.perf_counter()
        message.rerun_script.widget_states.widgets.extend(self.uploaded)
        await self.socket.send(message.SerializeToString())
        while True:
            answer = ForwardMsg()
            answer.ParseFromString(await asyncio.wait_for(self.socket.recv(), PATIENCE))
            kind = answer.WhichOneof("type")
            if kind == "ref_hash":
                answer = self._cached[answer.ref_hash]
                kind = answer.WhichOneof("type")
            if answer.metadata.cacheable:
                self._cached[answer.hash] = answer
            if kind == "new_session":
                self.page_hash = answer.new_session.page_script_hash
                self.session_id = answer.new_session.initialize.session_id
            elif kind == "delta":
                self._see(answer.delta)
            elif kind == "script_finished" and answer.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN:
                if answer.script_finished == ForwardMsg.FINISHED_WITH_COMPILE_ERROR:
                    raise RuntimeError("The page failed.")
                return time.perf_counter() - start

    def _see(self, delta: object) -> None:
        element = delta.new_element
        kind = element.WhichOneof("type")
        if kind == "exception":
            raise RuntimeError(f"The page shows an error: {element.exception.message}")
        if kind == "file_uploader":
            self.uploader = element.file_uploader.id
        if kind == "slider" and "λ" in element.slider.label:
            self.slider, self.fragment = element.slider.id, delta.fragment_id
            self.options = list(element.slider.options)
        if kind == "imgs":
            for image in element.imgs.imgs:
                self.pictures[image.alt] = image.url


def rows(quick: bool) -> list[Row]:
    if peer("websockets") is None:
        return [missing(GROUP, "every row", "the package websockets is not installed (it comes with Streamlit)")]
    found = []
    for sessions in (1, 4) if quick else (1, 4, 16):
        with running() as server:
            found += asyncio.run(_together(server, sessions, 3 if quick else 10))
    return found


async def _together(server: Server, sessions: int, moves: int) -> list[Row]:
    photos = [sample.name for sample in list_samples()]
    visitors = [await Session.open(server, photos[index % len(photos)]) for index in range(sessions)]
    shown: list[tuple[str, str, Pictures]] = []

    async def one(index: int) -> list[float]:
        visitor, photo = visitors[index], photos[index % len(photos)]
        seconds = []
        for text in _stops(visitor.options, index, moves):
            seconds.append(await visitor.move(text))
            shown.append((photo, text, dict(visitor.pictures)))
        return seconds

    start = time.perf_counter()
    seconds = [second for each in await asyncio.gather(*map(one, range(sessions))) for second in each]
    elapsed = time.perf_counter() - start
    for visitor in visitors:
        await visitor.close()
    checked = others_answers(shown)
    title = f"{sessions} session{'s' * (sessions > 1)} moving λ on Overview"
    return [
        durations(GROUP, f"{title}: move → last message", seconds, note=f"{checked} pictures checked, each its own session's"),
        Row(GROUP, f"{title}: throughput", len(seconds) / elapsed, "moves/s"),
        Row(GROUP, f"{title}: resident memory of the app", server.resident(), "MiB"),
    ]  # fmt: skip


def _stops(options: list[str], index: int, moves: int) -> Iterator[str]:
    """Different λ for every session at any moment, none of them seen before by that session."""
    usual = [text for text in options if "trained" not in text and float(text) >= 1e-4]
    for move in range(moves):
        yield usual[(index * 5 + move) % len(usual)]


def others_answers(shown: list[tuple[str, str, Pictures]]) -> int:
    """Compare pictures that sessions were sent with what ``analyze`` gives for their own photo and λ; how many.

    Raises:
        RuntimeError: a session was shown something that is not its own.
    """
    loaded = bundled()
    samples = {sample.name: sample for sample in list_samples()}
    checked = 0
    # All answers of small runs; of large ones enough to see every session.
    for photo, text, pictures in shown[:: max(1, len(shown) // 48)]:
        analysis = simam_viz.analyze(loaded, samples[photo].image(), e_lambda=float(text))
        maps = zip(analysis.blocks, render.mean_weights(analysis), strict=True)
        for block, weights in list(maps)[::3]:
            expected = _decoded(
                render.jpeg(render.overlay(analysis.view, weights, render.COMMON_SCALES["mean weight"], SMALL), QUALITY)
            )
            actual = _decoded(base64.b64decode(pictures[ALT + block.name].partition(",")[2]))
            if actual.shape != expected.shape or np.abs(actual - expected).mean() > 0.5:
                raise RuntimeError(
                    f"A session with {photo} at λ = {text} was shown a picture that is not its own ({block.name})."
                )
            checked += 1
    return checked


def _decoded(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), dtype=int)
