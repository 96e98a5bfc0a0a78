"""People without browsers: they speak Streamlit's own protocol, upload photos, move λ, and check every answer they get."""

from __future__ import annotations

import asyncio
import hashlib
import random
import re
import statistics
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlencode

import requests
import websockets
from PIL import Image, ImageDraw
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState

import simam_viz
from simam_viz.checkpoints.loading import LoadedCheckpoint, short_name
from simam_viz.draw.render import percent
from simam_viz.photos.samples import list_samples
from tests.helpers.image_bombs import encoded


def own_photo(seed: int) -> bytes:
    """A photo like nobody else's: a sample, turned, tinted and written on."""
    draw = random.Random(seed)
    samples = list_samples()
    image = samples[seed % len(samples)].image().resize((320, 240)).rotate(draw.uniform(-40, 40), fillcolor="grey")
    tint = Image.new("RGB", image.size, tuple(draw.randrange(256) for _ in range(3)))
    image = Image.blend(image, tint, draw.uniform(0, 0.5))
    ImageDraw.Draw(image).ellipse([draw.randrange(200), draw.randrange(150), 260, 220], outline="red", width=9)
    return encoded(image, "JPEG", quality=90)


def expected(loaded: LoadedCheckpoint, data: bytes, e_lambda: float, size: int) -> str:
    """The headline of the Overview page, computed here and not by the server."""
    analysis = simam_viz.analyze(loaded, simam_viz.open_image(data), e_lambda=e_lambda, input_size=size)
    _, name, probability = analysis.top(1)[0]
    return f"{short_name(name)} ({percent(probability)})"


@dataclass
class Tally:
    """What all visitors together have done."""

    sessions: int = 0
    answers: int = 0
    wrong: list[str] = field(default_factory=list)
    queued: int = 0
    vanished: int = 0
    seconds: list[float] = field(default_factory=list)
    """From asking to the whole answer."""

    def waits(self) -> str:
        """How long answers took, in words."""
        if not self.seconds:
            return "no answers"
        ordered = sorted(self.seconds)
        return f"an answer after {statistics.median(ordered):.2f} s (median), {ordered[int(0.95 * len(ordered))]:.2f} s (p95)"


class Visitor:
    """One session of the app, from connecting to leaving."""

    def __init__(self, address: str, tally: Tally) -> None:
        self.address, self.tally = address.rstrip("/"), tally
        self.texts: list[str] = []
        self.widgets: dict[str, str] = {}
        self.parts: dict[str, ForwardMsg] = {}
        self.session_id = ""
        self.fragment = ""

    async def __aenter__(self) -> Visitor:
        host = self.address.partition("://")[2]
        self.http = requests.Session()
        await asyncio.to_thread(self.http.get, f"{self.address}/_stcore/health", timeout=60)
        cookie = "; ".join(f"{cookie.name}={cookie.value}" for cookie in self.http.cookies)
        self.socket = await websockets.connect(
            f"ws://{host}/_stcore/stream",
            max_size=None,
            subprotocols=["streamlit"],
            origin=self.address[: len(self.address) - len(host) + len(host.split("/")[0])],
            additional_headers={"Cookie": cookie} if cookie else {},
            open_timeout=120,
            ping_timeout=None,
        )
        self.tally.sessions += 1
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.socket.close()

    async def ask(self, view: dict[str, str], uploaded: WidgetState | None = None) -> None:
        """Run the page with this address, without waiting for the answer."""
        message = BackMsg()
        message.rerun_script.query_string = urlencode(view)
        if uploaded:
            message.rerun_script.widget_states.widgets.append(uploaded)
        self.texts = []
        await self.socket.send(message.SerializeToString())

    async def answer(self, seconds: float = 300) -> list[str]:
        """All texts of the page when its run has ended."""
        async with asyncio.timeout(seconds):
            while True:
                message = await self._next()
                if message.WhichOneof("type") == "script_finished":
                    return self.texts

    async def _next(self) -> ForwardMsg:
        message = ForwardMsg()
        message.ParseFromString(await self.socket.recv())
        kind = message.WhichOneof("type")
        if kind == "ref_hash":
            message = self.parts[message.ref_hash]
            kind = message.WhichOneof("type")
        elif message.hash:
            self.parts[message.hash] = message
        if kind == "new_session":
            self.session_id = message.new_session.initialize.session_id
        elif kind == "delta" and message.delta.WhichOneof("type") == "new_element":
            element = message.delta.new_element
            what = element.WhichOneof("type")
            if what == "markdown":
                self.texts.append(element.markdown.body)
            elif what == "alert":
                self.texts.append(element.alert.body)
                self.tally.queued += "ahead of you" in element.alert.body
            elif what == "exception":
                self.tally.wrong.append(f"an exception on the page: {element.exception.message}")
            elif what == "file_uploader":
                self.widgets["uploader"] = element.file_uploader.id
        return message

    async def upload(self, name: str, data: bytes) -> WidgetState:
        """Send a file as the browser does; what comes back says where it lies."""
        message = BackMsg()
        message.file_urls_request.request_id = uuid.uuid4().hex
        message.file_urls_request.file_names.append(name)
        message.file_urls_request.session_id = self.session_id
        await self.socket.send(message.SerializeToString())
        while (reply := await self._next()).WhichOneof("type") != "file_urls_response":
            pass
        urls = reply.file_urls_response.file_urls[0]
        headers = {"X-Xsrftoken": self.http.cookies.get("_streamlit_xsrf", "")}
        response = await asyncio.to_thread(
            self.http.put, self.address + urls.upload_url, files={name: (name, data)}, headers=headers, timeout=120
        )
        response.raise_for_status()
        widget = WidgetState(id=self.widgets["uploader"])
        info = widget.file_uploader_state_value.uploaded_file_info.add()
        info.name, info.size, info.file_id = name, len(data), urls.file_id
        info.file_urls.CopyFrom(urls)
        return widget


def headline(texts: list[str]) -> str:
    """What the network says, as the page words it, without what keeps its signs from being Markdown."""
    found = [match[1] for text in texts if (match := re.search(r"The network says: (.*)", text))]
    return re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", found[-1]) if found else "no answer"


async def visit(
    address: str,
    networks: list[LoadedCheckpoint],
    seed: int,
    tally: Tally,
    more: Callable[[int], bool],
    pause: float = 0,
) -> None:
    """One person: comes, uploads a photo of their own, changes network, λ and size again and again, checks each answer.

    Between answers they look at what they got, for ``pause`` seconds on average.
    """
    draw = random.Random(seed)
    photo = own_photo(seed)
    name = f"private-{seed}.jpg"
    async with Visitor(address, tally) as visitor:
        await visitor.ask({})
        await visitor.answer()
        uploaded = await visitor.upload(name, photo)
        view = {"photo": f"upload-{hashlib.sha256(photo).hexdigest()[:16]}"}
        await visitor.ask({}, uploaded)
        await visitor.answer()
        turn = 0
        while more(turn):
            if pause:
                await asyncio.sleep(draw.uniform(0.5, 1.5) * pause)
            e_lambda, size = draw.choice([1e-6, 1e-3, 0.1, 1.0, 10.0]), draw.choice([128, 160])
            loaded = draw.choice(networks)
            view |= {"lambda": f"{e_lambda:g}", "size": str(size), "checkpoint": loaded.name}
            said = await timed(visitor, view, tally, uploaded)
            right = await asyncio.to_thread(expected, loaded, photo, e_lambda, size)
            check(said, right, f"visitor {seed}, {loaded.name}, λ = {e_lambda:g}, size {size}", tally)
            turn += 1


async def look(
    address: str,
    bundled: list[LoadedCheckpoint],
    seed: int,
    tally: Tally,
    more: Callable[[int], bool],
    pause: float = 0,
) -> None:
    """One of a class: comes, and looks at sample after sample through the bundled networks, at λ of the slider."""
    draw = random.Random(seed)
    samples = list_samples()
    view: dict[str, str] = {}
    async with Visitor(address, tally) as visitor:
        turn = 0
        while more(turn):
            sample = next(one for one in samples if one.name == view.get("photo", samples[0].name))
            loaded = next(one for one in bundled if one.name == view.get("checkpoint", bundled[0].name))
            e_lambda = float(view.get("lambda", loaded.e_lambda))
            said = await timed(visitor, view, tally)
            right = await asyncio.to_thread(expected_of_sample, loaded, sample.name, e_lambda)
            check(said, right, f"visitor {seed}, {view}", tally)
            if pause and more(turn):
                await asyncio.sleep(draw.uniform(0.5, 1.5) * pause)
            view = {"photo": draw.choice(samples).name}
            if draw.random() < 0.5:
                view["lambda"] = f"{draw.choice(STOPS):g}"
            if draw.random() < 0.2:
                view["checkpoint"] = draw.choice(bundled).name
            turn += 1


STOPS = [*(float(f"{mantissa}e{exponent}") for exponent in range(-6, 1) for mantissa in (1, 2, 5)), 10.0]
_known: dict[tuple[str, str, float], str] = {}
_one_at_a_time = threading.Lock()


def expected_of_sample(loaded: LoadedCheckpoint, sample: str, e_lambda: float) -> str:
    """As :func:`expected`, of a sample at the network's own size, computed once."""
    key = loaded.name, sample, e_lambda
    with _one_at_a_time:
        if key not in _known:
            image = next(one for one in list_samples() if one.name == sample).image()
            _, name, probability = simam_viz.analyze(loaded, image, e_lambda=e_lambda).top(1)[0]
            _known[key] = f"{short_name(name)} ({percent(probability)})"
        return _known[key]


async def timed(visitor: Visitor, view: dict[str, str], tally: Tally, uploaded: WidgetState | None = None) -> str:
    """What the network says, once the whole page is there; how long that took is noted."""
    asked = time.monotonic()
    await visitor.ask(view, uploaded)
    said = headline(await visitor.answer())
    tally.seconds.append(time.monotonic() - asked)
    return said


def check(said: str, right: str, who: str, tally: Tally) -> None:
    """Note an answer, and whether it is wrong."""
    tally.answers += 1
    if not close(said, right):
        tally.wrong.append(f"{who}: said {said!r}, right is {right!r}")


async def vanish(address: str, seed: int, tally: Tally) -> None:
    """Someone who asks and leaves before the answer."""
    async with Visitor(address, tally) as visitor:
        await visitor.ask({"lambda": f"{random.Random(seed).uniform(0.001, 9):.4g}"})
        await asyncio.sleep(random.Random(seed).uniform(0, 1.5))
        tally.vanished += 1


def close(said: str, right: str) -> bool:
    """Equal but for the last digit of the percentage: float32 sums differ between batch orders and thread counts."""
    pattern = r"(.*) \((<?[\d.]+)%\)"
    a, b = re.fullmatch(pattern, said), re.fullmatch(pattern, right)
    if not (a and b):
        return said == right
    return a[1] == b[1] and abs(float(a[2].lstrip("<")) - float(b[2].lstrip("<"))) <= 0.11
