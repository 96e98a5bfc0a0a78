"""The square on the photo, in a real browser: by mouse, finger, wheel and keys; told once; and without the component's script."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

import simam_viz
from simam_viz.app.components import source
from simam_viz.app.state import ECHO_SECONDS
from simam_viz.checkpoints.loading import LoadedCheckpoint
from simam_viz.draw import render
from simam_viz.photos import squares
from simam_viz.photos.samples import list_samples
from simam_viz.wording import tag
from tests.helpers.browser import App
from tests.helpers.maps_drawn import attention_drawn, mosaic_sent
from tests.helpers.reading import _, pattern

SQUARE = (
    "The network sees a square of {side} × {side} of the photo's pixels from column {left} and row {top} on, at {size} × {size} "
    "pixels; what is dimmed it never saw."
)
WHOLE = "The network sees all of it, on the photo's mean colour, at {size} × {size} pixels."

FIRST = next(sample for sample in list_samples() if sample.name == "espresso-cup")
SIZE = FIRST.image().size


def opened(app: App, query: str = "") -> Any:
    app.open(f"?photo={FIRST.name}{query}")
    frame = app.page.locator(".square[data-ready] .square-frame")
    expect(frame).to_be_visible(timeout=60_000)
    app.idle()
    in_sight(frame)
    return frame


def in_sight(frame: Any) -> None:
    """The square in the middle of the window, where mouse and fingers reach it."""
    frame.evaluate("frame => frame.scrollIntoView({block: 'center', behavior: 'instant'})")


def where(frame: Any) -> tuple[int, ...]:
    return tuple(map(int, frame.get_attribute("data-square").split(",")))


def drag(page: Page, place: tuple[float, float], by: tuple[float, float]) -> None:
    page.mouse.move(*place)
    page.mouse.down()
    page.mouse.move(place[0] + by[0], place[1] + by[1], steps=4)


def told(app: App, square: tuple[int, ...] | str) -> None:
    text = square if isinstance(square, str) else ",".join(map(str, square))
    app.until(lambda: app.parameters().get("square") == text, f"the address does not show {text}")
    app.idle()


def test_it_is_dragged_and_everything_follows(app: App, loaded: LoadedCheckpoint) -> None:
    frame = opened(app)
    before = where(frame)
    assert before == squares.middle(SIZE) and "square" not in app.parameters()
    box = frame.bounding_box()
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    drag(app.page, middle, (40, 30))
    app.until(lambda: where(frame)[0] > before[0], "the square does not follow the mouse")
    assert where(frame)[1:] == before[1:], "as high as the photo, it moves sideways alone"
    assert "square" not in app.parameters(), "nothing is told before the mouse lets go"
    app.page.mouse.up()
    now = where(frame)
    told(app, now)
    expect(app.page.get_by_text(pattern(SQUARE, side=now[2], left=now[0], top=0))).to_be_visible()
    analysis = simam_viz.analyze(loaded, FIRST.image(), square=now)
    app.draws(attention_drawn(analysis))

    # A corner: smaller, the opposite one stays. Then far out: all of the photo.
    in_sight(frame)
    corner = frame.locator('[data-corner="00"]').bounding_box()
    drag(app.page, (corner["x"] + 10, corner["y"] + 10), (60, 60))
    app.page.mouse.up()
    smaller = where(frame)
    assert smaller[2] < now[2] and abs(smaller[0] + smaller[2] - now[0] - now[2]) <= 1
    assert abs(smaller[1] + smaller[2] - now[1] - now[2]) <= 1
    told(app, smaller)
    in_sight(frame)
    corner = frame.locator('[data-corner="11"]').bounding_box()
    drag(app.page, (corner["x"] + 10, corner["y"] + 10), (900, 900))
    app.page.mouse.up()
    assert where(frame)[2] == max(SIZE)
    told(app, where(frame))
    app.page.get_by_role("button", name=_("Its middle"), exact=True).click()
    app.until(lambda: "square" not in app.parameters(), "the address keeps a square")
    assert where(frame) == squares.middle(SIZE)

    # Every other page, and back.
    app.page.get_by_role("button", name=_("Whole photo"), exact=True).click()
    told(app, "whole")
    app.go("Attention maps")
    assert app.parameters()["square"] == "whole"
    whole = simam_viz.analyze(loaded, FIRST.image(), square="whole")
    deepest = [one for one in whole.blocks if one.features.shape[1] >= 8][-1]
    scale = render.scale_for("attention weight", deepest.attention)
    app.shows("mosaic", mosaic_sent(deepest.attention, scale))


@pytest.mark.long
def test_by_keys_and_wheel(app: App) -> None:
    frame = opened(app, "&square=200,40,200")
    frame.focus()
    for key in ("ArrowRight", "ArrowDown", "ArrowDown", "+"):
        app.page.keyboard.press(key)
    assert "square" not in app.parameters() or app.parameters()["square"] == "200,40,200"
    left, top, side = where(frame)
    assert side == 210 and left + side // 2 > 300 and top + side // 2 > 140
    told(app, (left, top, side))
    heard = _("A square of {side} pixels from column {left} and row {top} on", side=side, left=left, top=top)
    expect(app.page.get_by_role("status").filter(has_text=heard)).to_have_count(1)
    box = frame.bounding_box()
    app.page.mouse.move(box["x"] + 20, box["y"] + 20)
    app.page.mouse.wheel(0, -200)
    app.until(lambda: where(frame)[2] < side, "the wheel does not make it smaller")
    told(app, where(frame))
    app.page.wait_for_timeout(1000 * ECHO_SECONDS)
    app.page.go_back()
    app.until(lambda: where(frame) == (left, top, side), "the way back does not move the square")


@pytest.mark.long
def test_by_numbers(app: App) -> None:
    frame = opened(app, "&square=200,40,200")
    app.page.get_by_role("button", name=_("The square in numbers")).click()
    side = app.page.get_by_role("spinbutton", name=_("Side in pixels"))
    side.fill("100")
    side.press("Enter")
    told(app, (200, 40, 100))
    app.until(lambda: where(frame) == (200, 40, 100), "the square does not follow its numbers")


@pytest.mark.long
@pytest.mark.parametrize(
    "passing",
    [
        pytest.param(True, id="a finger that scrolls"),
        pytest.param(False, id="a finger that moves it", marks=pytest.mark.long),
    ],
)
def test_by_touch(browser: Browser, server: str, passing: bool) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.goto(f"{server}/?photo={FIRST.name}&square=100,40,300")
    frame = page.locator(".square[data-ready] .square-frame")
    expect(frame).to_be_visible(timeout=60_000)
    expect(page.locator("[data-test-script-state=notRunning]")).to_have_count(1, timeout=60_000)
    in_sight(frame)
    scrolled = page.evaluate("document.querySelector('[data-testid=stMain]').scrollTop")
    box, before = frame.bounding_box(), where(frame)
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    if not passing:
        frame.tap()
    touch = context.new_cdp_session(page)
    by = (0, -120) if passing else (40, 30)
    touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
    for step in range(1, 9):
        point = {"x": x + by[0] * step / 8, "y": y + by[1] * step / 8}
        touch.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [point]})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    if passing:
        page.wait_for_function(
            "before => document.querySelector('[data-testid=stMain]').scrollTop > before + 20", arg=scrolled
        )
        assert where(frame) == before
    else:
        page.wait_for_function("location.search.includes('square=') && !location.search.includes('100%2C40%2C300')")
        assert where(frame)[0] > before[0] and where(frame)[1] > before[1]
    # Two fingers.
    in_sight(frame)
    box, before = frame.bounding_box(), where(frame)
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    if not passing:
        for kind, apart in (("touchStart", 60), ("touchMove", 50), ("touchMove", 30)):
            points = [{"x": x - apart, "y": y, "id": 0}, {"x": x + apart, "y": y, "id": 1}]
            touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        assert where(frame)[2] < before[2]
    context.close()


@pytest.mark.long
@pytest.mark.usefixtures("language")
def test_without_its_script_the_plain_picture_and_the_numbers_stand_in(browser: Browser, server: str) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 900}, locale=tag())
    page.add_init_script(
        "const make = URL.createObjectURL; URL.createObjectURL = (what) => {"
        "  if (what.type?.includes('javascript')) throw new Error('blocked');"
        "  return make.call(URL, what);"
        "};"
    )
    page.goto(f"{server}/?photo={FIRST.name}&square=200,40,200")
    picture = page.locator(".st-key-picture-photo img")
    expect(picture).to_be_visible(timeout=60_000)
    page.get_by_role("button", name=_("The square in numbers")).click()
    page.get_by_role("button", name=_("The whole photo")).click()
    page.wait_for_function("location.search.includes('square=whole')")
    expect(page.get_by_text(pattern(WHOLE))).to_be_visible(timeout=30_000)
    page.close()


def test_its_arithmetic_is_that_of_python(browser: Browser) -> None:
    page = browser.new_page()
    call = """async ([code, name, args]) => {
        const module = await import(URL.createObjectURL(new Blob([code], {type: 'text/javascript'})));
        return module[name](...args);
    }"""
    code = source("square.js")
    for size in ((600, 400), (3, 200), (50, 50)):
        for square in ((400, 400, 0), (-50, 0, 1e9), (10.4, 7.7, 33.2), (1e9, -1e9, 1e9), squares.whole(size)):
            found = page.evaluate(call, [code, "clamped", [list(square), list(size), squares.SMALLEST]])
            assert tuple(found) == squares.clamped(square, size)
    assert page.evaluate(call, [code, "grown", [[10, 10, 20], 2]]) == [0, 0, 40]
    fitted = page.evaluate(call, [code, "fitted", [[0, -100, 600], [600, 400], [600, 400]]])
    assert fitted["scale"] == pytest.approx(2 / 3) and fitted["x"] == pytest.approx(100)
    for data in (None, {}, {"square": [1, 2, 3]}, {"square": "whole"}):
        assert page.evaluate(call, [code, "checked", [data]]) is None
    page.close()
