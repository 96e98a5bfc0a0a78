"""The state of the view: what of an address becomes an entry, and what the address bar and widgets are told."""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Callable
from types import SimpleNamespace
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st
from streamlit.delta_generator import DeltaGenerator

from simam_viz.app import lambdas, state
from simam_viz.app.screens.energy_function import in_hand
from simam_viz.app.style import WITHOUT_OLD_PAGE
from simam_viz.app.widgets import choose
from simam_viz.lesson.presets import SIDE
from tests.helpers.damage import DRAWN, GARBAGE
from tests.helpers.pages import checked, open_page


class Address(dict):
    """Stands for ``st.query_params``: what the browser sent, and what is written to it."""

    def __init__(self, sent: dict[str, str]) -> None:
        super().__init__(sent)
        self.written: list[dict[str, str]] = []

    def to_dict(self) -> dict[str, str]:
        return dict(self)

    def from_dict(self, view: dict[str, str]) -> None:
        self.written.append(dict(view))


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Stands for Streamlit: a session whose view is λ = 0.5, as its address says."""
    here = SimpleNamespace(session_state={"view": {"lambda": "0.5"}, "view-written": {"lambda": "0.5"}},
                           query_params=Address({"lambda": "0.5"}), now=100.0)  # fmt: skip
    monkeypatch.setattr(state, "st", here)
    monkeypatch.setattr(state, "time", SimpleNamespace(monotonic=lambda: here.now))
    return here


def test_the_address_is_written_where_the_browser_has_yet_to_hear_of_the_last(session: SimpleNamespace) -> None:
    state.write_url()
    assert session.query_params.written == []
    session.session_state["view"]["lambda"] = "0.7"
    state.write_url()
    session.session_state["view"]["lambda"] = (
        "0.5"  # back at once: what was sent along is the address from before both moves
    )
    state.write_url()
    assert session.query_params.written == [{"lambda": "0.7"}, {"lambda": "0.5"}]


def test_what_was_done_here_and_never_written_is_not_undone_by_the_address(session: SimpleNamespace) -> None:
    here, address = session.session_state, session.query_params
    address.get_all = lambda name: [address[name]]

    def begins() -> dict[str, str]:
        state.begin("app.py", lambda: None)
        return here["view"]

    begins()
    state.put("square", "0,0,600")
    state.settle()  # the part that follows λ begins, and asks for the whole page, which is long in coming
    session.now += 10 * state.ECHO_SECONDS
    assert begins() == {"lambda": "0.5", "square": "0,0,600"}
    session.now += 10 * state.ECHO_SECONDS
    assert begins() == {"lambda": "0.5", "square": "0,0,600"}, "a run that was broken off wrote nothing"
    state.write_url()
    assert address.written == [{"lambda": "0.5", "square": "0,0,600"}]
    session.now += 10 * state.ECHO_SECONDS
    assert begins() == {"lambda": "0.5"}, (
        "written, and long ago: whoever sends the address from before has gone back to it"
    )


def test_a_widget_is_told_what_it_does_not_show_and_nothing_else(session: SimpleNamespace) -> None:
    assigned: list[float] = []

    class Session(dict):
        def __setitem__(self, key: str, value: object) -> None:
            super().__setitem__(key, value)
            if key == "widget":
                assigned.append(value)

    here = session.session_state = Session(session.session_state)
    state.show("widget", 0.5)
    session.now += 0.5 * state.TOLD_SECONDS
    state.show("widget", 0.5)  # the first may have been lost
    session.now += state.TOLD_SECONDS
    state.show("widget", 0.5)
    dict.__setitem__(here, "widget", 0.1 + 0.2)  # moved, as the browser counts
    state.show("widget", 0.3)
    assert assigned == [0.5, 0.5], "whoever is quick has moved it on"
    state.show("widget", 0.7)
    assert state.moved_by_hand("widget")
    state.show("widget", 0.7)
    assert assigned == [0.5, 0.5, 0.7]


def test_what_the_browser_says_again_is_no_move(session: SimpleNamespace) -> None:
    here = session.session_state
    state.show("widget", 0.5)
    session.now += 10
    state.show("widget", 0.1)
    here["widget"] = 0.5  # with another control's click, at once
    assert not state.moved_by_hand("widget")
    session.now += 10
    assert state.moved_by_hand("widget"), "later, and from an address that is new, it is the person"
    state.show("widget", 0.1)
    here["view"] = {"lambda": "0.9"}
    state.write_url()
    session.now += 10
    here["widget"] = 0.5
    assert not state.moved_by_hand("widget"), "the address that it sent along is older than the change"
    here["widget"] = 0.6
    assert state.moved_by_hand("widget"), "that is neither the one nor the other"


def test_what_a_control_was_made_to_show_is_no_choice(session: SimpleNamespace) -> None:
    session.selectbox = session.multiselect = None
    here, controls = session.session_state, []

    def widget(label: str, *, key: str, on_change: Callable[[], None], value: str) -> None:
        controls.append(on_change)

    def drawn(default: str) -> None:
        state.control(widget, "Second", name="second", default=default, parse=str)
        session.now += 10

    def said(text: str) -> None:
        here["control-second"] = text
        controls[-1]()

    drawn("eca")
    drawn("twin")  # what it begins with is another now
    said("twin")
    assert "second" not in here["view"]
    said("off")
    assert here["view"]["second"] == "off"
    drawn("twin")
    said("twin")
    assert here["view"]["second"] == "twin", "chosen"


NAMED = st.one_of(st.sampled_from(state.NAMES), st.text(max_size=20))

TEXTS = st.one_of(
    st.text(max_size=50), st.sampled_from(sorted(GARBAGE.values())), st.floats().map(str), st.integers().map(str)
)


@DRAWN
@given(st.dictionaries(NAMED, st.lists(TEXTS, max_size=3), max_size=8))
def test_what_is_left_of_an_address_is_short_and_printable(parameters: dict[str, list[str]]) -> None:
    view, faults = state.sifted(parameters)
    sentences = [fault() for fault in faults]
    for name, text in view.items():
        assert name in state.NAMES and text == parameters[name][-1] and text.isprintable() and len(text) <= 1000
    left_out = {name for name, texts in parameters.items() if texts} - set(view)
    assert bool(sentences) >= bool(left_out)
    assert all(sentence.isprintable() and len(sentence) < 400 for sentence in sentences)


@DRAWN
@given(st.text(max_size=100))
def test_plain_text_is_never_markdown(text: str) -> None:
    assert not re.search(r"(?<!\\)(\\\\)*[!-/:-@\[\]^-`{-~]", state.plain(text))
    assert state.plain(text).isprintable()


@DRAWN
@given(TEXTS)
def test_parsers_give_a_value_in_range_or_a_value_error(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert 1e-6 <= lambdas.parse_lambda(text) <= 10
    with contextlib.suppress(ValueError):
        assert math.isfinite(choose.finite(text))
    with contextlib.suppress(ValueError):
        assert 0 <= choose.below(7)(text) < 7


@DRAWN
@given(st.one_of(TEXTS, st.lists(st.integers(-1, 10).map(str), max_size=4).map(",".join),
                 st.lists(st.floats(-6, 6).map(lambda value: f"1,2,{value}"), max_size=4).map(";".join)))  # fmt: skip
def test_parsers_of_the_lesson(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert all(0 <= index < SIDE for index in in_hand.parse_place(text))
    with contextlib.suppress(ValueError):
        for place, value in in_hand.parse_edits(text).items():
            assert all(0 <= index < SIDE for index in place) and -5 <= value <= 5


@pytest.mark.parametrize("text", ["9,0", "1", "", "a,b", "-1,2"])
def test_no_place_of_the_lesson(text: str) -> None:
    with pytest.raises(ValueError):
        in_hand.parse_place(text)


@pytest.mark.parametrize("text", ["0,0,99", "a;b", "0,0", "9,9,1", "0,0,nan"])
def test_no_edits_of_the_lesson(text: str) -> None:
    with pytest.raises(ValueError):
        in_hand.parse_edits(text)


PARSERS = {
    "lambda": lambdas.parse_lambda,
    "channel": choose.below(7),
    "least": choose.finite,
    "class": {"lemon": 1}.__getitem__,
    "at": in_hand.parse_place,
    "edits": in_hand.parse_edits,
}


@DRAWN
@given(st.sampled_from(sorted(PARSERS)), TEXTS)
def test_an_entry_is_a_value_or_dropped_and_told_of(session: SimpleNamespace, name: str, text: str) -> None:
    session.session_state.clear()
    session.session_state["view"] = {name: text}
    default = object()
    value = state.parsed(name, PARSERS[name], default)
    told = state.ignored()
    if value is default:
        assert name not in session.session_state["view"] and state.gone() == {name: text}
        assert len(told) == 1 and told[0].startswith(f"The link asks for {name} “")
    else:
        assert session.session_state["view"] == {name: text} and not told and not state.gone()


HISTOGRAMS, COMPARISON = "pages/energy_histograms.py", "pages/gradcam_comparison.py"


@pytest.mark.parametrize(
    ("page", "then", "now"),
    [
        (COMPARISON, "contrast=lemon", "against=lemon"),
        (COMPARISON, "scale=fixed&contrast=lemon", "against=lemon&fixed-mean=yes"),
        (COMPARISON, "scale=free", "fixed-mean=no"),
        (COMPARISON, "scale=odd", "fixed-mean=odd"),  # told, as an entry that does not exist
        (COMPARISON, "against=another&contrast=lemon", "against=lemon&compare=another"),
        (HISTOGRAMS, "against=trained", "compare=trained"),
        (HISTOGRAMS, "against=another&other=layer1.0", "compare=another&other=layer1.0"),
        (HISTOGRAMS, "against=lemon&compare=trained", "against=lemon&compare=trained"),
        (COMPARISON, "against=lemon&fixed-mean=yes", "against=lemon&fixed-mean=yes"),
        (COMPARISON, "against=another", "against=another"),  # may be a class
        ("app.py", "lambda=0.5&photo=x", "lambda=0.5&photo=x"),
    ],
)
def test_links_of_before_mean_what_they_meant(page: str, then: str, now: str) -> None:
    assert state.renamed(parse_qs(then), page) == parse_qs(now)


@pytest.mark.long
def test_an_old_link_opens_what_it_showed() -> None:
    app = open_page(COMPARISON, size="96", contrast="wooden spoon", scale="fixed")
    assert app.selectbox(key="control-against").value is not None and app.toggle(key="control-fixed-mean").value
    assert app.query_params == {"size": "96", "against": "wooden spoon", "fixed-mean": "yes"}
    assert not any("does not exist here" in caption.value for caption in app.caption)


def test_a_new_page_hides_the_old_one_until_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []
    write = DeltaGenerator.html
    monkeypatch.setattr(
        DeltaGenerator, "html", lambda place, body, **how: (sent.append(body), write(place, body, **how))
    )
    app = open_page("app.py", size="64")
    assert sent == [WITHOUT_OLD_PAGE]
    checked(app.run())
    assert len(sent) == 1, "a rerun of the same page hides nothing"
    checked(app.switch_page(HISTOGRAMS).run())
    assert len(sent) == 2 and not any(WITHOUT_OLD_PAGE in str(element) for element in app.main)
