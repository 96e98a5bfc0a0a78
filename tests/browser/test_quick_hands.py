"""Controls moved quickly in a real Chromium: each ends where the person left it, on the screen and in the address."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from playwright.sync_api import Locator

from simam_viz.app.pages import PAGES
from simam_viz.checkpoints.loading import class_said
from simam_viz.photos.samples import list_samples
from tests.helpers.browser import App
from tests.helpers.reading import _

pytestmark = pytest.mark.alone  # how fast a person moves means something only where the machine is theirs

TITLES = {
    path.removeprefix("pages/").removesuffix(".py").replace("app", ""): title for path, (title, _i) in PAGES.items()
}
PACES = (60, 250, 600)
"""Milliseconds between two moves."""


@dataclass(frozen=True)
class Control:
    """A control that lives in a fragment, what a person does to it, and where it must end."""

    entry: str
    """Its entry of the view; empty for one that is in no address."""
    moves: Callable[[App, str], None]
    """Makes one move, to a place that is given in words."""
    places: list[str]
    """Where each move leads; what keys are pressed, for a slider or a number."""
    text: str | None
    """What the address says in the end; ``None`` if nothing."""
    shown: Callable[[App], str]
    """What the screen says."""
    ends: str
    """What it must say in the end."""


def field(app: App, label: str) -> Locator:
    """The control of this label, whatever stands in the label's places."""
    return app.page.locator(f"input[aria-label^='{_(label).partition('{')[0]}']").last


def keys(label: str, entry: str, pressed: list[str], ends: str, text: str | None = "") -> Control:
    """A slider or a number, moved by keys."""

    def press(app: App, key: str) -> None:
        if not field(app, label).evaluate("e => e === document.activeElement"):
            field(app, label).focus()
        app.page.keyboard.press(key)

    def shown(app: App) -> str:
        return field(app, label).get_attribute("aria-valuetext") or field(app, label).input_value()

    return Control(entry, press, pressed, ends if text == "" else text, shown, ends)


def number(label: str, entry: str, values: list[str]) -> Control:
    """A number, typed and entered."""

    def enter(app: App, value: str) -> None:
        field(app, label).fill(value)
        app.page.keyboard.press("Enter")

    return Control(entry, enter, values, values[-1], lambda app: field(app, label).input_value(), values[-1])


def toggle(label: str, entry: str, clicks: int, on: str | None, off: str | None, begins_on: bool = False) -> Control:
    def click(app: App, _place: str) -> None:
        app.page.get_by_test_id("stMain").get_by_text(_(label), exact=True).click()

    ends = begins_on != bool(clicks % 2)
    return Control(
        entry,
        click,
        ["click"] * clicks,
        on if ends else off,
        lambda app: str(field(app, label).is_checked()),
        str(ends),
    )


def bar(entry: str, places: list[str], text: str) -> Control:
    """A bar of segments."""

    def segment(app: App, name: str) -> Locator:
        return app.page.get_by_test_id("stMain").get_by_role("radio", name=_(name), exact=True)

    def shown(app: App) -> str:
        return str(
            [name for name in dict.fromkeys(places) if segment(app, name).get_attribute("aria-checked") == "true"]
        )

    return Control(entry, lambda app, name: segment(app, name).click(), places, text, shown, str([places[-1]]))


def menu(
    label: str, entry: str, places: list[str], text: str | None = "", say: Callable[[str], str] = lambda name: name
) -> Control:
    """A menu, whose options are typed and entered; ``say`` tells what stands there for a place."""

    def shown(app: App) -> str:
        found = re.split(r" \(|（", field(app, label).input_value())[0]
        return next((place for place in places if say(place) == found), found)

    ends = places[-1]
    return Control(
        entry, lambda app, option: choose(app, label, say(option)), places, ends if text == "" else text, shown, ends
    )


def choose(app: App, label: str, option: str) -> None:
    field(app, label).click()
    field(app, label).fill(option)
    app.page.keyboard.press("Enter")


def photos_off(entry: str, times: int) -> Control:
    """Photos taken out of the figure, from the last."""
    offered = list_samples()[:4]
    left = offered[: 4 - times]

    def shown(app: App) -> str:
        box = app.page.get_by_test_id("stMultiSelect")
        return str([sample.title for sample in offered if box.get_by_text(_(sample.title), exact=True).count()])

    return Control(
        entry, lambda app, key: field(app, "Photos").press(key), ["Backspace"] * times,
        ",".join(sample.name for sample in left), shown, str([sample.title for sample in left]),
    )  # fmt: skip


CHANNEL = "Channel (0 to {last})"
RIGHT = ["ArrowRight"] * 12
LAMBDA = keys("λ, from 1e-6 to 10", "lambda", RIGHT, "0.01")
OWN_RANGE = toggle("Own colour range", "range", 4, "own", "common")
BLOCKS = ["layer2.0", "layer1.1", "layer4.0", "layer2.1"]
VISITS: dict[str, list[Control]] = {
    "?lambda=0.0001": [LAMBDA, OWN_RANGE],
    # A λ between two stops is one more stop, and stays one for as long as it is asked for.
    "?lambda=0.00012": [keys("λ, from 1e-6 to 10", "lambda", RIGHT, "0.01")],
    "energy_function?lambda=0.0001&neuron=toy": [
        LAMBDA,
        bar(
            "neuron", [list_samples()[0].title, "the scenes' small channel"] * 2 + [list_samples()[0].title], "photo"
        ),
        menu("Block", "block", BLOCKS),
keys(CHANNEL, "channel", ["ArrowUp"] * 9, "9"),
        keys("Row (0 to {last})", "row", ["ArrowUp"] * 4, "14"),
        keys("Column (0 to {last})", "column", ["ArrowDown"] * 4, "6"),
    ],
    "attention_maps?lambda=0.0001": [
        LAMBDA,
        bar("level", ["The network", "One block"] * 2 + ["Channels and neurons"], "channel"),
        menu("Block", "block", BLOCKS),
number(CHANNEL, "channel", ["3", "77", "12", "9"]),
        keys("Row (0 to {last})", "row", ["ArrowUp"] * 4, "14"),
        keys("Column (0 to {last})", "column", ["ArrowDown"] * 4, "6"),
        menu("Show", "show", ["energy", "importance", "feature"], say=_),
        OWN_RANGE,
        menu("Sort channels by", "sort", ["variance", "highest weight", "variance"], say=_),
        number("At least ({low:.3g} to {high:.3g})", "least", ["2", "0.5", "1.5"]),
    ],
    "energy_histograms?lambda=0.0001": [
        LAMBDA,
        menu("Block", "block", BLOCKS),
        toggle("Counts on a log axis", "counts", 4, "log", "linear", begins_on=True),
        bar("compare", ["another block", "nothing"] * 2 + ["another block"], "another"),
        menu("Other block", "other", ["layer1.0", "layer3.1", "layer1.1"]),
        bar("of", ["channel", "block"] * 2 + ["channel"], "channel"),
keys(CHANNEL, "channel", ["ArrowUp"] * 9, "9"),
        keys("Other channel (0 to {last})", "other", ["ArrowUp"] * 5, "6"),
    ],
    "gradcam_comparison?lambda=0.0001&columns=uniform,off,twin": [
        LAMBDA,
        menu("Method", "method", ["HiResCAM", "LayerCAM", "HiResCAM"]),
        menu("Block", "block", BLOCKS),
        menu("Contrast with", "against", ["lemon", "jellyfish", "lemon"], say=class_said),
        toggle("λ at a fixed mean weight", "fixed-mean", 4, "yes", None),
        menu("Second", "second", ["Switched off", "Uniform over positions", "Switched off"], "off", _),
        menu("First", "first", ["Uniform over positions", "The twin"], "twin", _),
        OWN_RANGE,
        bar("look", ["Every block", "Heat maps", "Every block", "Heat maps", "Faithfulness"], "faithful"),
        bar("over", ["All samples", "This photo"] * 2, "photo"),
        toggle("All four methods", "methods", 5, "all", None),
    ],
    f"figure?photos={','.join(sample.name for sample in list_samples()[:4])}": [photos_off("photos", 2)],
}  # fmt: skip
CI = {("?lambda=0.0001", 60)}


@pytest.mark.parametrize(
    ("visit", "pace", "language"),
    [
        *(
            pytest.param(visit, pace, "en", marks=[] if (visit, pace) in CI else [pytest.mark.long])
            for visit, pace in itertools.product(VISITS, PACES)
        ),
        # In Chinese at one pace: the labels are others, the hand is not.
        *(pytest.param(visit, PACES[0], "zh", marks=pytest.mark.long) for visit in VISITS),
    ],
    indirect=["language"],
)
def test_a_control_ends_where_the_person_left_it(app: App, visit: str, pace: int) -> None:
    app.open(visit)
    app.settled(TITLES[visit.partition("?")[0]])
    for control in VISITS[visit]:
        for place in control.places:
            control.moves(app, place)
            app.page.wait_for_timeout(pace)
        rests(
            app,
            lambda control=control: (app.parameters().get(control.entry), control.shown(app)),
            (control.text, control.ends),
        )


def rests(app: App, found: Callable[[], object], right: object) -> None:
    """What is found when everything has come to rest is right. A busy machine may hear a move late: it is asked for a while."""

    def at_rest() -> bool:
        for _time in range(2):
            app.page.wait_for_timeout(400)  # longer than the browser keeps a move to itself
            app.idle()
        if (said := found()) != right:
            raise AssertionError(f"{said} is not {right}")
        return True

    app.until(at_rest, "a control does not end where it was left")


@pytest.mark.parametrize("pace", [0, pytest.param(60, marks=pytest.mark.long)])
def test_what_was_taken_back_does_not_return(app: App, pace: int) -> None:
    """One control resets another, and a third is moved before the browser has heard of it."""
    own_range = OWN_RANGE.moves
    app.open("attention_maps?lambda=1&channel=5&row=3")
    app.settled("Attention maps")
    back = _("Back to the trained λ = {e_lambda:g}", e_lambda=0.1)
    app.page.locator(".st-key-film-row").get_by_role("button", name=back).click()
    app.page.wait_for_timeout(pace)
    own_range(app, "click")
    rests(app, app.parameters, {"channel": "5", "row": "3", "range": "own"})
    assert LAMBDA.shown(app) == _("{e_lambda:g} (trained)", e_lambda=0.1)
    choose(app, "Block", "layer2.0")
    app.page.wait_for_timeout(pace)
    own_range(app, "click")
    rests(app, app.parameters, {"range": "common", "block": "layer2.0"})  # the old neuron does not come back
    assert (field(app, CHANNEL).input_value(), field(app, "Row (0 to {last})").input_value()) == ("0", "10")


@pytest.mark.long
def test_steps_after_another_control_and_before_another_page(app: App) -> None:
    app.open("?lambda=0.0001")
    app.settled("Overview")
    for step in range(12):
        LAMBDA.moves(app, "ArrowRight")
        app.page.wait_for_timeout(250)
        if step == 5:
            choose(app, "Input size", "128")
    app.go("Energy histograms")
    rests(app, lambda: (app.parameters(), LAMBDA.shown(app)), ({"lambda": "0.01", "size": "128"}, "0.01"))


@pytest.mark.parametrize(
    "visit", ["attention_maps?level=channel", pytest.param("energy_histograms?of=channel", marks=pytest.mark.long)]
)
def test_a_control_in_hand_keeps_the_keyboard(app: App, visit: str) -> None:
    """What a fragment draws again is not hidden meanwhile: hiding takes the focus away, and the next key goes nowhere."""
    app.open(visit)
    app.settled(TITLES[visit.partition("?")[0]])
    number = field(app, CHANNEL)
    number.focus()
    for step in range(1, 5):
        app.page.keyboard.press("ArrowUp")
        rests(app, lambda: (app.parameters().get("channel"), number.input_value()), (str(step), str(step)))
        assert number.evaluate("element => element === document.activeElement")
