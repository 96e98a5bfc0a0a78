"""What the person is looking at, kept in one place: a dict of short texts in the session, mirrored in the URL.

Why the mirror is ours, and not Streamlit's ``bind="query-params"``: that writes the labels of a widget and not our names, so a
link would hold “224 × 224 px” and break with the next wording; it leaves a default out, which means something else on the next
network; it knows the controls of the page that is open and no others; and going back leaves the page instead of undoing a
control. Hidden inputs that are bound, one for each entry, keep the address whole, but after quick changes in the sidebar and
the fragment one entry was missing from it now and then. So every control reads from and writes to this one dict, the address
always shows it, and what is hard is here: the browser sends the address as it knew it when a person clicked, which may be older
than the view (:func:`begin`), and it hears a round trip late what a widget was made to show (:func:`show`).
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

import streamlit as st

from ..wording import _, enumeration, later

NAMES = (
    "lang",
    *("photo", "square", "checkpoint", "size", "lambda", "class"),
    *("lambda-by", "times"),
    *("box", "region", "reference", "slice", "example", "device"),
    *("pictures", "block", "channel", "row", "column", "show", "range", "of", "counts"),
    *("level", "sort", "least", "compare", "other"),
    *("neuron", "scene", "lecture", "toy", "at", "edits"),
    *("look", "columns", "method", "against", "fixed-mean", "first", "second", "over", "methods", "photos"),
    *("networks", "panels", "rows", "drawn", "upsampling", "opacity", "under", "colours", "signed"),
    *("width", "font", "font-size", "letters", "titles", "bars", "answers", "across", "names"),
)
T = TypeVar("T")

ECHO_SECONDS = 2.0
"""How long the address may lag behind: longer than a slow round trip, shorter than a person takes to go back."""

TOLD_SECONDS = 1.0
"""How long what is sent to a browser may take to leave this process."""

HEARD_SECONDS = 0.5
"""How long it may take to be heard and answered: shorter than a person takes to move a control back to where it was."""

_BEGINS = {st.segmented_control: "default", st.multiselect: "default", st.pills: "default"}
"""What widgets call the value that they begin with, where it is not ``value``."""
_VIEW = "view"
_REPLACED = "views-replaced"
_REMEMBERED = 100
_CHANGED = "view-changed"
_TOLD = "told-to-widgets"
_BY_HAND = (-math.inf, None)
_WRITTEN = "view-written"
_PAGE = "page"
_IGNORED = "ignored"
_GONE = "gone"
_SETTINGS = "settings"
# An entry is a name, a number, or the changes of a small channel: 81 values of at most ten characters.
_LONGEST = 1000
_NUMBERS = (
    *("size", "times"),
    *("box", "slice", "lambda", "channel", "row", "column"),
    *("least", "opacity", "width", "font-size", "across"),
)


def begin(page: str, known: Callable[[], None]) -> bool:
    """Take over what the address asks for: at the start of a session, after a link, and after going back or forward.

    The address may be older than the view: the browser sends it along with a click on a control, and hears of our
    changes a round trip later. So in a run that a control started, and for a moment after, a view that was replaced does
    not come back; nor where the address is still the last one written, since a run may end, or begin another, before it
    writes what it was told. Nor does it by a change of page: the links there may have been drawn before the last change.

    ``known`` is called as soon as the view is known, and before anything is said of it. Returns whether the page was changed.
    """
    parameters = renamed({name: st.query_params.get_all(name) for name in st.query_params}, page)
    asked, faults = sifted(parameters)
    session = st.session_state
    changed_here = session.pop(_CHANGED, False)
    moved = session.get(_PAGE) != page
    session[_PAGE] = page
    if moved:
        session[_TOLD] = {}  # another page's widgets are other widgets
    now = time.monotonic()
    echo = any(asked == view and (moved or now - when < ECHO_SECONDS) for when, view in session.get(_REPLACED, []))
    older = changed_here or echo or asked == session.get(_WRITTEN)
    if moved or not older:
        session[_WRITTEN] = asked
    if _VIEW not in session or not older:
        if asked != session.get(_VIEW):
            session[_GONE] = {}
        session[_VIEW] = asked.copy()
        left_out = parameters.keys() & set(NAMES) - asked.keys()
        gone().update({name: parameters[name][-1] for name in left_out if parameters[name]})
    known()
    session[_IGNORED] = [fault() for fault in faults]
    return moved


def renamed(parameters: Mapping[str, list[str]], page: str) -> dict[str, list[str]]:
    """An address from before 0.3, in today's words; one of today's as it is.

    ``against`` was what histograms are compared with, and ``contrast`` the class that is now called ``against``, as in the API.
    ``scale`` said whether λ keeps the mean weight fixed.
    """
    now = dict(parameters)
    compared = "histograms" in page and now.get("against", [""])[-1] in ("nothing", "another", "trained")
    if "against" in now and ("contrast" in now or (compared and "compare" not in now)):
        now["compare"] = now.pop("against")
    if "contrast" in now:
        now["against"] = now.pop("contrast")
    if "scale" in now:
        now["fixed-mean"] = [{"fixed": "yes", "free": "no"}.get(text, text) for text in now.pop("scale")]
    return now


def sifted(parameters: Mapping[str, list[str]]) -> tuple[dict[str, str], list[Callable[[], str]]]:
    """What of an address can be an entry of the view, and what says a sentence about each thing that is left out.

    Whether an entry names something that exists is up to the control that reads it: see :func:`parsed`.
    """
    view: dict[str, str] = {}
    faults: list[Callable[[], str]] = []
    if unknown := [name for name in parameters if name not in NAMES]:
        faults.append(partial(_mean_nothing, unknown))
    for name, texts in parameters.items():
        if name not in NAMES or not texts:
            continue
        text = texts[-1]
        if len(texts) > 1:
            more = later("The link gives {entry} more than once; only the last one counts.")
            faults.append(partial(_, more, entry=name))
        if len(text) > _LONGEST or not text.isprintable() or (name in _NUMBERS and not _is_number(text)):
            faults.append(partial(_does_not_exist, name, text))
        else:
            view[name] = text
    return view, faults


def _mean_nothing(names: Sequence[str]) -> str:
    named = enumeration(quoted(name) for name in names[:3])
    if len(names) > 3:
        return _("The link asks for {names} and others, which mean nothing here and were ignored.", names=named)
    return _("The link asks for {names}, which mean nothing here and were ignored.", names=named)


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def settle(ignored: Sequence[str] = ()) -> None:
    """To be called first by every fragment: a change that started its run is none of the next run's.

    ``ignored`` is what :func:`ignored` gave when the rest of the page was drawn.
    """
    st.session_state.pop(_CHANGED, None)
    st.session_state[_IGNORED] = list(ignored)
    st.session_state[_SETTINGS] = {}


def ignored() -> list[str]:
    """What the page has ignored of its address so far, a sentence each."""
    return list(st.session_state.get(_IGNORED, []))


def settings() -> dict[str, str]:
    """What the controls of the fragment are set to, in the words of the screen; it fills as they are drawn."""
    found: dict[str, str] = st.session_state.setdefault(_SETTINGS, {})
    return found


def current() -> dict[str, str]:
    """The whole view, for links that keep it."""
    return _view().copy()


def get(name: str) -> str | None:
    """The text of one entry, or ``None`` where the default holds."""
    return _view().get(name)


def _view() -> dict[str, str]:
    view: dict[str, str] = st.session_state[_VIEW]
    return view


def put(name: str, text: str | None) -> None:
    """Set one entry, from a callback; ``None`` returns to the default."""
    session = st.session_state
    if not session.get(_CHANGED):
        session[_REPLACED] = [*session.get(_REPLACED, [])[-_REMEMBERED:], (time.monotonic(), current())]
        session[_CHANGED] = True
    if text is None:
        _view().pop(name, None)
    else:
        _view()[name] = text
    gone().pop(name, None)


def gone() -> dict[str, str]:
    """What the address asked for and was not there: its text, by entry, until that entry is set."""
    entries: dict[str, str] = st.session_state.setdefault(_GONE, {})
    return entries


def recall() -> None:
    """Ask once more for what was not there, from a callback: what has come since may have it."""
    for name, text in gone().copy().items():
        put(name, text)


def parsed(name: str, parse: Callable[[str], T], default: T) -> T:
    """The value of one entry, or ``default`` where there is none.

    An entry that does not parse (``ValueError`` or ``KeyError``) is dropped, and the person is told by :func:`ignored`.
    """
    text = get(name)
    if text is None:
        return default
    try:
        return parse(text)
    except (ValueError, KeyError):
        gone()[name] = _view().pop(name)
        st.session_state.setdefault(_IGNORED, []).append(_does_not_exist(name, text))
        return default


def _does_not_exist(name: str, text: str) -> str:
    return _("The link asks for {entry} {text}, which does not exist here.", entry=name, text=quoted(text))


def quoted(text: str) -> str:
    """A text from outside, its beginning if it is long, in quotation marks."""
    return f"“{plain(text[:40])}{'…' if len(text) > 40 else ''}”"


def plain(text: str) -> str:
    """A text from outside (a link, a file's name) made harmless as Markdown: no image, link, colour or formula in it."""
    printable = "".join(character if character.isprintable() else " " for character in text)
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", printable)


def write_url() -> None:
    """Make the address bar show the view."""
    session = st.session_state
    if _address_is_old() or session[_WRITTEN] != session[_VIEW]:
        st.query_params.from_dict(session[_VIEW])
        session[_WRITTEN] = current()


def control(
    widget: Callable[..., Any],
    label: str,
    *args: Any,
    name: str,
    default: T,
    parse: Callable[[str], T],
    text: Callable[[T], str | None] = str,
    on_change: Callable[[], None] | None = None,
    **options: Any,
) -> T:
    """Draw a Streamlit widget whose value lives in the view.

    Args:
        widget: such as ``st.selectbox``; called with ``label``, ``args``, ``options``, a key and a callback.
        name: the entry of the view, one of :data:`NAMES`.
        default: the value where the view has no entry; pages may differ in it.
        parse: text → value; raises ``ValueError`` or ``KeyError`` for a text that is not one.
        text: value → text, the inverse of ``parse``; ``None`` removes the entry.
        on_change: called after the view has changed.

    Returns:
        The value now.
    """
    value = parsed(name, parse, default)
    key = _key(name)

    def changed() -> None:
        try:
            said = text(st.session_state[key])
            if said is not None:
                parse(said)
        except (ValueError, LookupError, TypeError):
            return  # the browser has not heard yet that other options are offered now
        entry = get(name)
        if said == (text(default) if entry is None else entry):
            return  # it says what it was made to show
        if moved_by_hand(key):
            put(name, said)
            if on_change:
                on_change()

    show(key, value)
    if widget in (st.selectbox, st.multiselect):
        # By default letters count that stand far apart: “spoon” finds German shepherds, too.
        options.setdefault("filter_mode", "contains")
        placeholder = _("Choose an option") if widget == st.selectbox else _("Choose options")
        options.setdefault("placeholder", placeholder)
    # Also as what the widget begins with: a browser that makes it anew, or speaks of an option that is gone, falls back to it.
    begins = {"index": args[0].index(value)} if widget == st.selectbox else {_BEGINS.get(widget, "value"): value}
    widget(label, *args, key=key, on_change=changed, **begins, **options)
    settings()[label] = _in_words(value, options.get("format_func", str))
    write_url()
    return value


def _key(name: str) -> str:
    return f"control-{name}"


def _in_words(value: Any, format_func: Callable[[Any], str]) -> str:
    if isinstance(value, bool):
        return _("on") if value else _("off")
    if isinstance(value, list):
        return enumeration(format_func(one) for one in value)
    return _("any") if value is None else format_func(value)


def show(key: str, value: Any) -> None:
    """Make the widget of this key show ``value``; to be called in the run that draws it, and before it is drawn.

    What is assigned to a widget goes to the browser and replaces what stands there, and a person who is quick has moved it
    on by then: so nothing is assigned to a widget that shows this value already.

    Streamlit drops what an interrupted run had yet to send. So for a moment after the widget was made to show something
    else, unless the person has moved it since, it is told again.
    """
    told = _told()
    shown = st.session_state.get(key)
    now = time.monotonic()
    if key not in told or key not in st.session_state or not _same(shown, value):
        told[key] = now, shown
    elif now - told[key][0] > TOLD_SECONDS:
        return
    st.session_state[key] = value


def let_go(name: str) -> None:
    """The control of this entry is drawn no more: what the browser still says of it is not the person's."""
    _told().pop(_key(name), None)


def moved_by_hand(key: str) -> bool:
    """Whether the person has moved the widget of this key; to be called once, in its callback.

    They have not where the browser, busy with something else, says again what the widget was made to show no more. It has
    not heard of the change yet: that was a moment ago, or the address that it sends along is older, too. Nor have they
    where this page has no such widget: the browser then speaks of the page that was left.
    """
    if key not in _told():
        return False
    when, before = _told()[key]
    moment = time.monotonic() - when < HEARD_SECONDS
    if (when, before) != _BY_HAND and _same(st.session_state[key], before) and (moment or _address_is_old()):
        return False
    _told()[key] = _BY_HAND
    return True


def _address_is_old() -> bool:
    """Whether the browser, when it sent this, had yet to hear what the address became last."""
    return st.query_params.to_dict() != st.session_state.get(_WRITTEN)


def _told() -> dict[str, tuple[float, Any]]:
    """When each widget of this page was last made to show another value, and what it had shown, by its key."""
    told: dict[str, tuple[float, Any]] = st.session_state.setdefault(_TOLD, {})
    return told


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-12)  # the browser counts steps, 3 × 0.1
    return bool(one == other)


def number_text(value: float) -> str:
    """A number in as few digits as give it back."""
    short = f"{value:g}"
    return short if float(short) == value else repr(value)


def one_of(options: dict[str, T]) -> Callable[[str], T]:
    """A parser that knows just these texts."""
    return options.__getitem__
