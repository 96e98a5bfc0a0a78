"""Photos of those who have left are dropped by what Streamlit offers to everybody, and even where it offers that no more."""

from __future__ import annotations

import ast
import logging
from types import SimpleNamespace

import pytest

from simam_viz.app.server import forgetting
from simam_viz.app.server.forgetting import Held, Visitors
from tests.helpers.pages import open_page
from tests.helpers.project import ROOT


class Session:
    """Stands for Streamlit's session."""

    def __init__(self) -> None:
        self.session_state = {"photo": "private"}
        self.flushed = False

    def flush_browser_queue(self) -> None:
        self.flushed = True


class Server:
    """Stands for Streamlit's runtime, as far as it is public."""

    def __init__(self) -> None:
        self.sessions = {"a": Session(), "b": Session()}
        self.connected = {"a", "b"}
        self.closed: list[str] = []
        self.files = {"a": ["private.jpg"], "b": ["private.jpg"]}
        self.uploaded_file_mgr = SimpleNamespace(
            remove_session_files=lambda session_id: self.files.pop(session_id, None)
        )

    def get_app_session(self, session_id: str) -> Session | None:
        return self.sessions.get(session_id)

    def is_active_session(self, session_id: str) -> bool:
        return session_id in self.connected

    def clear_user_info_for_session(self, session_id: str) -> None:
        self.closed.append(session_id)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(forgetting, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


@pytest.fixture
def visitors(clock: SimpleNamespace) -> Visitors:
    return Visitors()


def arrive(visitors: Visitors, server: Server) -> dict[str, Held[str]]:
    """Two people, each with a photo."""
    photos = {}
    for session_id in ("a", "b"):
        visitors.seen(server, session_id)
        photos[session_id] = Held("private")
        visitors.keeps(session_id, "photo", photos[session_id])
    return photos


def test_who_left_is_let_go_and_who_is_here_or_comes_back_is_not(visitors: Visitors, clock: SimpleNamespace) -> None:
    server = Server()
    photos = arrive(visitors, server)
    server.connected = {"b"}
    assert visitors.let_go(server, 120) == 0
    clock.now += 119
    assert visitors.let_go(server, 120) == 0 and photos["a"].here
    server.connected = {"a", "b"}  # a tunnel, and back again
    assert visitors.let_go(server, 120) == 0
    server.connected = {"b"}
    clock.now += 100
    assert visitors.let_go(server, 120) == 0 and photos["a"].here, "the time begins anew"
    clock.now += 121
    assert visitors.let_go(server, 120) == 1 and not photos["a"].here and photos["b"].here
    assert server.closed == ["a"] and server.sessions["a"].session_state == {} and server.sessions["a"].flushed
    assert server.sessions["b"].session_state and len(visitors) == 1 and list(server.files) == ["b"]
    with pytest.raises(RuntimeError, match="over"):
        photos["a"]()


def test_nothing_is_computed_for_who_is_away(visitors: Visitors) -> None:
    server, rested = Server(), []
    arrive(visitors, server)

    class Works:
        def rest(self) -> None:
            rested.append("a")

        def clear(self) -> None:
            raise AssertionError("kept for when they are back")

    visitors.keeps("a", "work", Works())
    visitors.let_go(server, 120)
    assert not rested
    server.connected = {"b"}
    for _ in range(3):
        visitors.let_go(server, 120)
    assert rested == ["a"]
    server.connected = {"a", "b"}
    visitors.let_go(server, 120)
    server.connected = {"b"}
    visitors.let_go(server, 120)
    assert rested == ["a", "a"]


@pytest.mark.parametrize("missing", ["clear_user_info_for_session", "get_app_session"])
def test_photos_are_dropped_where_a_session_cannot_be_closed(
    missing: str,
    visitors: Visitors,
    clock: SimpleNamespace,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.delattr(Server, missing)
    server = Server()
    photos = arrive(visitors, server)
    server.connected = {"b"}
    visitors.let_go(server, 120)
    clock.now += 121
    with caplog.at_level(logging.WARNING):
        assert visitors.let_go(server, 120) == 1
    assert not photos["a"].here and photos["b"].here and not visitors.trouble
    assert bool(caplog.messages) == (missing == "clear_user_info_for_session")


def test_where_nobody_tells_who_has_left_photos_go_after_an_hour_and_the_page_says_so(
    visitors: Visitors, clock: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delattr(Server, "is_active_session")
    server = Server()
    photos = arrive(visitors, server)
    for _ in range(3):
        assert visitors.let_go(server, 120) == 0
    assert visitors.trouble and caplog.messages == [forgetting.TROUBLE], "once, not at every look"
    clock.now += forgetting.IDLE_SECONDS - 1
    visitors.seen(server, "b")
    clock.now += 2
    assert visitors.let_go(server, 120) == 1 and not photos["a"].here and photos["b"].here


def test_a_page_says_that_the_server_cannot_tell_who_left(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not open_page("pages/models.py").warning
    monkeypatch.setattr(forgetting.VISITORS, "trouble", True)
    assert [warning.value for warning in open_page("pages/models.py").warning] == [forgetting.TROUBLE]


def test_no_private_attribute_of_anything_foreign_is_touched() -> None:
    tree = ast.parse((ROOT / "simam_viz" / "app" / "server" / "forgetting.py").read_text(encoding="utf-8"))
    foreign = [
        ast.unparse(node)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr.startswith("_") and ast.unparse(node.value) != "self"
    ]
    named = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    assert foreign == [] and not [text for text in named if text.startswith("_")]
