"""The lesson in a real Chromium: its closed form and its numbers against Python's, and everything that a hand can do in it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

import pytest
import torch
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from simam_viz.app.components.scenes import script
from simam_viz.app.state import ECHO_SECONDS
from simam_viz.lesson.derivation import Derivation
from simam_viz.lesson.presets import PRESETS, preset_channel
from simam_viz.lesson.saying import DIGITS, DIGITS_OF, said
from simam_viz.lesson.scenes import SCENES, values_of
from simam_viz.wording import tag
from tests.helpers.browser import App
from tests.helpers.lesson import TITLES, Stage
from tests.helpers.reading import _, in_english, pattern

MAP = "The channel: arrow keys choose the target, plus and minus change it"
PAINTED = "The channel: tap to paint, arrow keys choose the target, Enter paints it, plus and minus change it"
TARGET = "Value of the target"


@pytest.fixture
def blank(browser: Browser) -> Iterator[Page]:
    """An empty page that knows the lesson's arithmetic."""
    page = browser.new_page()
    page.add_script_tag(content=script("saying", "closed_form"))
    yield page
    page.close()


def test_a_number_is_said_in_the_browser_as_in_python(blank: Page) -> None:
    generator = torch.Generator().manual_seed(1)
    spread = (
        torch.randn(500, generator=generator, dtype=torch.float64)
        * 10 ** (12 * torch.rand(500, generator=generator) - 6)
    ).tolist()
    # Halves, which two languages round differently; the ends of each way of writing; what no number is.
    halves = [sign * (2 * n + 1) / 2 * 10**k for n in range(1000, 1050, 7) for k in (0, 1, 2) for sign in (-1, 1)]
    ends = [
        0.0,
        -0.0,
        1e-4,
        9.9999e-5,
        9.99949e-5,
        0.00009999951,
        999949.9,
        999950.0,
        1e6,
        1e-6,
        8.71e-5,
        1e300,
        5e-324,
        0.99999,
        1.00005,
    ]
    numbers = [*spread, *halves, *ends]
    for digits in (2, 3, 4, 5):
        heard = blank.evaluate("([numbers, digits]) => numbers.map(number => said(number, digits))", [numbers, digits])
        assert heard == [said(number, digits) for number in numbers]
    assert blank.evaluate("[said(NaN), said(Infinity), said(-Infinity)]") == [
        said(math.nan),
        said(math.inf),
        said(-math.inf),
    ]
    assert (said(8.71e-5), said(-0.5), said(1234567.0)) == ("8.71 × 10⁻⁵", "−0.5", "1.235 × 10⁶")


def test_the_closed_form_in_the_browser_is_python_s(blank: Page) -> None:
    generator = torch.Generator().manual_seed(2)
    asked, right = [], []
    for trial in range(400):
        rows, columns = (int(n) for n in torch.randint(1, 10, (2,), generator=generator))
        if rows * columns < 2:
            columns = 2
        channel = torch.randn(rows, columns, generator=generator, dtype=torch.float64) * 10 ** float(
            2 * torch.rand(1, generator=generator) - 1
        )
        if trial % 20 == 0:
            channel = torch.full_like(channel, 0.5)  # a flat map
        target = int(torch.randint(0, rows * columns, (1,), generator=generator))
        e_lambda = 10 ** float(7 * torch.rand(1, generator=generator) - 6)
        w, b = torch.randn(2, generator=generator, dtype=torch.float64).tolist()
        asked.append({"channel": channel.flatten().tolist(), "target": target, "e_lambda": e_lambda, "w": w, "b": b})
        d = Derivation(channel, *divmod(target, columns), e_lambda)
        right.append((values_of(d, w, b), d.weights.flatten().tolist()))
    found = blank.evaluate("asked => asked.map(valuesOf)", asked)
    for mine, (values, weights) in zip(found, right, strict=True):
        assert mine.pop("weights") == pytest.approx(weights, rel=1e-12)
        assert mine == pytest.approx(values, rel=1e-9, abs=1e-12)


SIZES = [(1440, 900), (1280, 720), (390, 844)]


@pytest.mark.parametrize(
    ("width", "height"), [*(pytest.param(*size, marks=pytest.mark.long) for size in SIZES[:2]), SIZES[2]]
)
def test_through_all_scenes(app: App, width: int, height: int) -> None:
    app.page.set_viewport_size({"width": width, "height": height})
    app.open("energy_function")
    app.settled("Energy function")
    stage = Stage(app.page)
    right = values_of(Derivation(preset_channel("spike"), 4, 4, 0.1))
    for index, scene in enumerate(SCENES):
        expect(stage.body.locator("h2")).to_have_text(_(scene.title), timeout=30_000)
        if index:
            stage.stands_at(index)
        drawn = stage.body.locator(".picture :is(svg, img)").first
        expect(drawn).to_be_visible(timeout=30_000)
        box = drawn.bounding_box()
        assert box and box["width"] > 100 and box["height"] > 100, scene.name
        if scene.name != "photo":
            stage.says(scene.answer, right[scene.answer])
        whole = stage.body.bounding_box()
        assert whole and whole["height"] <= height - 60, f"{scene.name} does not fit the screen below the header"
        formula = stage.body.locator(".formula")
        assert formula.evaluate("box => box.scrollWidth - box.clientWidth") <= 1, f"the formula of {scene.name} is cut"
        stage.body.scroll_into_view_if_needed()
        expect(stage.body.get_by_role("button", name=_("Next"))).to_be_in_viewport()
        if index + 1 < len(SCENES):
            stage.next()
    expect(stage.body.get_by_role("button", name=_("Next"))).to_be_disabled()
    for index in (6, 5):
        stage.back()
        stage.stands_at(index)
    app.page.wait_for_timeout(1000 * ECHO_SECONDS)
    app.page.go_back()
    stage.stands_at(6)


def test_keys_lead_through_the_scenes_and_leave_other_controls_alone(app: App) -> None:
    app.open("energy_function?scene=line")
    app.settled("Energy function")
    stage = Stage(app.page)
    stage.stands_at(1)
    app.page.keyboard.press("ArrowRight")
    stage.stands_at(2)
    app.page.keyboard.press("ArrowLeft")
    stage.stands_at(1)
    stage.handle("Left end of the line").press("ArrowRight")
    app.move_lambda("ArrowRight")
    app.idle()
    stage.stands_at(1)


def test_what_is_dragged_moves_all_and_ends_in_the_address(app: App) -> None:
    app.open("energy_function")
    app.settled("Energy function")
    stage = Stage(app.page)
    # A neuron by a tap, its value by a drag.
    app.page.mouse.click(*stage.cell(MAP, 1, 7))
    expect(app.page).to_have_url(re.compile(r"at=1(%2C|,)7"))
    stage.drag(TARGET, 0, 60)
    expect(app.page).to_have_url(re.compile("edits="))
    row, column, text = app.parameters()["edits"].split(",")
    assert (row, column) == ("1", "7") and float(text) < 0
    d = Derivation(preset_channel("spike", {(1, 7): float(text)}), 1, 7, 0.1)
    stage.says("d", d.deviation)
    # The same neuron on the curves of the scenes that follow.
    for index, name in ((4, "energy"), (5, "weight")):
        stage.open(index)
        stage.says(name, values_of(d)[name])
    before = stage.answer()
    stage.drag(TARGET, -40, 0)
    app.until(lambda: stage.answer() != before, "the weight does not follow")
    app.until(lambda: app.parameters()["edits"] != f"1,7,{text}", "the address does not follow")
    again = float(app.parameters()["edits"].split(",")[2])
    stage.says("weight", Derivation(preset_channel("spike", {(1, 7): again}), 1, 7, 0.1).weight)
    assert again < float(text)


def test_a_line_is_dragged_and_dropped_to_the_best(app: App) -> None:
    app.open("energy_function?scene=line")
    app.settled("Energy function")
    stage = Stage(app.page)
    d = Derivation(preset_channel("spike"), 4, 4, 0.1)
    stage.says("e_line", 2.0)
    stage.drag("Left end of the line", 0, 40)
    app.until(lambda: stage.answer() != "2", "the energy does not follow the line")
    parts = [
        stage.body.locator(f".formula mn[data-part={name}]").text_content()
        for name in ("miss_target", "miss_others", "charge")
    ]
    total = float(stage.body.locator(".formula mn[data-part=e_line]").text_content())
    assert sum(map(float, parts)) == pytest.approx(total, rel=1e-3)
    stage.next()
    stage.stands_at(2)
    told = stage.handle("A line, as a point of the bowl").get_attribute("aria-valuetext")
    assert told and told.endswith(said(total)), "the same line, now as a point"
    stage.drag("A line, as a point of the bowl", -30, -20)
    stage.body.get_by_role("button", name=_("Let it drop")).click()
    best = d.closed_form
    right = _("slope {w}, offset {b}, energy {e_line}", w=said(best.w), b=said(best.b), e_line=said(best.energy))
    expect(stage.handle("A line, as a point of the bowl")).to_have_attribute("aria-valuetext", right)
    stage.says("e_best", best.energy)


@pytest.mark.long
def test_there_is_one_lambda(app: App) -> None:
    app.open("energy_function?scene=lambda")
    app.settled("Energy function")
    stage = Stage(app.page)
    spike = preset_channel("spike")
    stage.says("e_best", Derivation(spike, 4, 4, 0.1).closed_form.energy)
    # From the sidebar to the scene.
    app.move_lambda("ArrowRight")
    expect(app.page).to_have_url(re.compile("lambda=0.15"))
    stage.says("e_best", Derivation(spike, 4, 4, 0.15).closed_form.energy)
    # From the scene, by its slider and by the point on the curve, to the sidebar.
    point = stage.handle("λ").first
    point.press("ArrowRight")
    expect(app.page).to_have_url(re.compile("lambda=0.2(&|$)"))
    stage.handle("λ").last.press("End")
    expect(app.page).to_have_url(re.compile("lambda=10(&|$)"))
    stage.says("e_best", Derivation(spike, 4, 4, 10.0).closed_form.energy)
    sidebar = app.page.get_by_test_id("stSidebar").get_by_role("slider")
    app.until(lambda: sidebar.get_attribute("aria-valuetext") == "10", "the sidebar's λ does not follow")


def test_numbers_light_up_with_what_they_come_from(app: App) -> None:
    app.open("energy_function?scene=one-pass")
    app.settled("Energy function")
    stage = Stage(app.page)
    mean = stage.body.locator(".formula mn[data-part=mu]").first
    mean.hover()
    expect(stage.body.locator("svg line[data-part=mu]")).to_have_class(re.compile("lit"))
    expect(stage.body.locator(".formula mi[data-part=mu]").first).to_have_class(re.compile("lit"))
    stage.handle(TARGET).hover()
    expect(stage.body.locator(".formula mn[data-part=t]").first).to_have_class(re.compile("lit"))
    expect(stage.body.locator("svg line[data-part=mu]")).not_to_have_class(re.compile("lit"))


@pytest.mark.long
def test_painting_changes_every_weight(app: App) -> None:
    app.open("energy_function?scene=channel")
    app.settled("Energy function")
    stage = Stage(app.page)
    stage.handle("Paint").press("Home")
    app.page.mouse.move(*stage.cell(PAINTED, 0, 0))
    app.page.mouse.down()
    app.page.mouse.move(*stage.cell(PAINTED, 0, 2), steps=8)
    app.page.mouse.up()
    app.until(lambda: app.parameters().get("edits") == "0,0,-5;0,1,-5;0,2,-5", "what was painted is not in the address")
    edits = {(0, column): -5.0 for column in range(3)}
    d = Derivation(preset_channel("spike", edits), 0, 2, 0.1)
    stage.says("mean_weight", float(d.weights.mean()))
    assert app.parameters()["at"] == "0,2"
    stage.body.get_by_role("button", name=_("Undo")).click()
    app.until(lambda: "edits" not in app.parameters(), "what was undone stays in the address")
    stage.body.get_by_role("combobox", name=_("Channel")).select_option("dark-spot")
    expect(app.page).to_have_url(re.compile("toy=dark-spot"))
    d = Derivation(preset_channel("dark-spot"), *PRESETS["dark-spot"].target, 0.1)
    stage.says("mean_weight", float(d.weights.mean()))


def exercise(stage: Stage, index: int) -> None:
    """Open the exercise of a scene."""
    stage.open(index)
    stage.body.get_by_role("button", name=_("Exercise")).click()


def judged(stage: Stage, right: bool, words: str, **values: str) -> None:
    stage.body.get_by_role("button", name=_("Check")).click()
    verdict = stage.body.locator(".verdict")
    expect(verdict).to_have_class(re.compile("right" if right else "wrong"))
    expect(verdict).to_have_text(pattern(words, **values))


@pytest.mark.long
def test_exercises_are_set_up_done_explained_and_remembered(app: App) -> None:
    app.open("energy_function?toy=edge&lambda=3")
    app.settled("Energy function")
    stage = Stage(app.page)
    page = app.page
    # A line: set up flat on the channel with one spike, at λ = 0.1.
    exercise(stage, 1)
    stage.says("e_line", 2.0)
    judged(
        stage,
        False,
        "Not yet: {e_line}. The target's miss gives {miss_target} of it, the others' {miss_others}, the steepness {charge}. "
        "Lift the line to +1 above the target and lower it to −1 above the crowd.",
        e_line="2",
        miss_target="1",
    )
    best = Derivation(preset_channel("spike"), 4, 4, 0.1).closed_form
    # What a hand does, by keys: both ends to where the best line goes through them.
    for name, share in (("Left end of the line", 0.06), ("Right end of the line", 0.94)):
        handle = stage.handle(name)
        low, high = -0.2 - 0.15 * 3.2, 3 + 0.15 * 3.2
        wanted = best.w * (low + share * (high - low)) + best.b
        for _step in range(round(abs(wanted) / 0.05)):
            handle.press("ArrowUp" if wanted > 0 else "ArrowDown")
    done = "Yes: {e_line}. No line of this neuron gets below {e_best}; the next scene goes there."
    judged(stage, True, done, e_best="0.04819")
    # λ that does nothing, on noise.
    exercise(stage, 3)
    judged(
        stage,
        False,
        "Not yet. λ stands in e* beside σ_t² and nowhere else: it does nothing when σ_t² + λ is σ_t², all but 1 %. "
        "Here σ_t² is {variance_t}, and λ is {e_lambda}.",
        e_lambda="10",
    )
    slider = stage.handle("λ").last
    for _step in range(18):  # three decades
        slider.press("ArrowLeft")
    done = "Yes: λ = {e_lambda} is at most a hundredth of σ_t² = {variance_t}. Below that, λ does nothing."
    judged(stage, True, done)
    # The lowest weight: at the mean.
    exercise(stage, 5)
    judged(
        stage,
        False,
        "Not the lowest: {weight}. What is added to ½ is (t − μ)² over something positive, so it is never negative. "
        "Which t makes it 0? Here t − μ is {d}.",
    )
    for _step in range(30):
        stage.handle(TARGET).press("ArrowLeft")
    judged(
        stage,
        True,
        "Yes: {weight}. At the mean, (t − μ)² is 0, no line beats the flat one, 1/e* is ½, and the weight sigmoid(½). "
        "On a flat map all neurons have it.",
    )
    assert stage.answer().startswith("0.62")
    # A dark favourite.
    exercise(stage, 6)
    judged(stage, False, "The target is still the spike. Choose a low paint value, then tap another neuron.")
    page.mouse.click(*stage.cell(PAINTED, 0, 0))
    above = "It is the most emphasised, but it lies above the mean, by {d}. The square forgets the side: try below."
    judged(stage, False, above)
    stage.handle("Paint").press("Home")
    page.mouse.click(*stage.cell(PAINTED, 0, 1))
    judged(
        stage,
        True,
        "Yes: t − μ is {d}, and its square is the greatest. The side does not matter. The spike lost weight without being touched: "
        "σ² is now {variance}, and importance is relative to it.",
    )
    stage.body.get_by_role("button", name=_("Back to the text")).click()
    expect(stage.body.get_by_role("button", name=_("Exercise"))).to_have_text(f"{_('Exercise')} ✓")
    app.until(
        lambda: app.parameters().get("edits", "").startswith("0,0,3;0,1,-5"), "the last answer is not in the address"
    )
    # For the session: also on another page and back.
    app.go("Attention maps")
    app.go("Energy function")
    for index in (1, 3, 5, 6):
        stage.open(index)
        expect(stage.body.get_by_role("button", name=_("Exercise"))).to_have_text(f"{_('Exercise')} ✓")


@pytest.mark.parametrize(
    ("kind", "width", "height"), [("dark", 1280, 720), pytest.param("light", 1920, 1080, marks=pytest.mark.long)]
)
def test_a_lecture_goes_step_by_step(app: App, kind: str, width: int, height: int) -> None:
    page = app.page
    page.set_viewport_size({"width": width, "height": height})
    app.open(f"energy_function?lecture={kind}&scene=weight")
    stage = Stage(page)
    expect(stage.body.locator("h2")).to_have_text(_(TITLES[5]), timeout=60_000)
    box = stage.body.bounding_box()
    assert box and box["height"] > 0.9 * height and box["width"] > 0.9 * width, "it has the whole screen"
    assert page.evaluate("document.elementFromPoint(60, 200).closest('[data-testid=stSidebar]')") is None
    words, formula, answer = (stage.body.locator(part) for part in (".words", ".formula", ".answer .value"))
    assert float(words.evaluate("e => parseFloat(getComputedStyle(e).fontSize)")) >= 21
    ground = page.locator("dialog.lecture").evaluate("e => getComputedStyle(e).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", ground)[:3])) < 200) == (kind == "dark")
    assert stage.body.evaluate("e => e.scrollHeight - e.clientHeight") <= 1
    expect(words).to_be_hidden()
    for part, hidden in ((words, formula), (formula, answer), (answer, None)):
        page.keyboard.press("PageDown")
        expect(part).to_be_visible()
        if hidden is not None:
            expect(hidden).to_be_hidden()
    secret = stage.body.locator(".formula mn.secret")
    expect(secret).to_be_visible()
    page.keyboard.press("PageUp")
    expect(answer).to_be_hidden()
    expect(secret).to_be_hidden()
    for _scene in range(2):
        page.keyboard.press("ArrowRight")
    stage.stands_at(6)
    expect(words).to_be_hidden()
    page.keyboard.press("d")
    expect(page).to_have_url(re.compile(f"lecture={'light' if kind == 'dark' else 'dark'}"))
    # Every scene, and every button in reach.
    for index in range(8):
        stage.open(index)
        for _part in range(3):
            page.keyboard.press("PageDown")
        expect(answer).to_be_visible()
        for name in ("Next", "Dark or light", "End the lecture"):
            button = stage.body.get_by_role("button", name=_(name))
            covered = button.evaluate(
                "e => { const b = e.getBoundingClientRect();"
                "return e.getRootNode().elementFromPoint(b.x + b.width / 2, b.y + b.height / 2) === e; }"
            )
            assert covered, f"{name} lies under something in {TITLES[index]}"
        told, shown = (stage.body.locator(part).bounding_box() for part in (".told", ".nav"))
        assert told and shown and told["y"] + told["height"] <= shown["y"] + 1, f"the words of {TITLES[index]} run over"
    page.keyboard.press("Escape")
    app.until(lambda: "lecture" not in app.parameters(), "the lecture does not end")
    expect(page.get_by_test_id("stSidebar").get_by_role("link", name=_("Overview"), exact=True)).to_be_visible()
    expect(words).to_be_visible()


@pytest.mark.long
@pytest.mark.usefixtures("language")
def test_a_swipe_turns_the_page_on_a_phone(browser: Browser, server: str) -> None:
    phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
    context = browser.new_context(**phone, locale=tag())
    page = context.new_page()
    page.goto(f"{server}/energy_function?scene=line")
    stage = Stage(page)
    stage.stands_at(1)
    touch = context.new_cdp_session(page)

    def swipe(locator: str, across: float, down: float = 0) -> None:
        box = stage.body.locator(locator).bounding_box()
        assert box is not None
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
        for share in (0.25, 0.5, 0.75, 1):
            point = {"x": x + share * across, "y": y + share * down}
            touch.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [point]})
        touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    page.locator("[data-test-script-state=notRunning]").wait_for()
    swipe(".words", -150)
    stage.stands_at(2)
    swipe(".words", 150)
    stage.stands_at(1)
    # What is dragged is no swipe: the line's end moves, the scene stays.
    before = stage.answer()
    swipe(f'circle[aria-label="{_("Right end of the line")}"]', -100, -40)
    expect(stage.body.locator(".answer .value")).not_to_have_text(before)
    stage.stands_at(1)
    context.close()


@pytest.mark.long
@pytest.mark.usefixtures("language")
def test_without_the_script_the_scenes_are_read(browser: Browser, server: str) -> None:
    page = browser.new_page(locale=tag())

    # A rule of the kind that cautious places set: what the page makes itself may not run as a script.
    page.add_init_script(
        """new MutationObserver((_, watch) => {
             if (!document.head) return;
             watch.disconnect();
             const rule = document.createElement('meta');
             rule.httpEquiv = 'Content-Security-Policy';
             rule.content = "script-src 'self' 'unsafe-inline' 'unsafe-eval'";
             document.head.append(rule);
           }).observe(document, {childList: true, subtree: true})"""
    )
    page.goto(f"{server}/energy_function?toy=dark-spot")
    plain = page.locator(".st-key-lesson-plain")
    expect(plain).to_be_visible(timeout=60_000)
    assert page.locator(".lesson").count() == 0
    values = values_of(Derivation(preset_channel("dark-spot"), 4, 4, 0.1))
    for scene in SCENES:
        heading = plain.get_by_role("heading", name=_(scene.title))
        heading.scroll_into_view_if_needed()
        expect(heading).to_be_visible()
        part = heading.locator("xpath=..")
        expect(part).to_contain_text(said(values[scene.answer], DIGITS_OF.get(scene.answer, DIGITS)))
        expect(part).to_contain_text(re.compile(rf"{_('weight')}|e\*? =|t − μ|w\* ="))
    page.close()


@pytest.mark.long
@in_english  # of words it counts, and in Chinese nothing stands between them
def test_with_the_script_nothing_is_read_twice(app: App) -> None:
    app.open("energy_function")
    app.settled("Energy function")
    expect(Stage(app.page).body.locator("h2")).to_be_visible()
    expect(app.page.locator(".st-key-lesson-plain")).to_be_hidden()
    words = app.page.evaluate(
        """() => (document.body.innerText + ' ' + document.querySelector('.st-key-stage *, [class*=stBidiComponent]')
              ?.shadowRoot?.querySelector('.lesson')?.innerText).split(/\\s+/).length"""
    )
    assert words <= 900


@pytest.mark.long
@pytest.mark.parametrize("scene", [scene.name for scene in SCENES])
@pytest.mark.usefixtures("language")
def test_axe_finds_nothing_serious_in_any_scene(scene: str, browser: Browser, server: str) -> None:
    for scheme in ("light", "dark"):
        look = {"reduced_motion": "reduce", "color_scheme": scheme, "locale": tag()}
        page = browser.new_page(viewport={"width": 1400, "height": 900}, **look)
        page.goto(f"{server}/energy_function?scene={scene}" + ("&lecture=dark" if scheme == "dark" else ""))
        stage = Stage(page)
        stage.stands_at([scene.name for scene in SCENES].index(scene))
        expect(page.locator("[data-test-script-state=notRunning]")).to_have_count(1, timeout=60_000)
        expect(stage.body.locator(".picture :is(svg, canvas)").first).to_be_visible(timeout=30_000)
        if scheme == "dark":
            for _part in range(3):
                page.keyboard.press("PageDown")
        found = (
            Axe()
            .run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]})
            .response["violations"]
        )
        assert [
            f"{finding['id']}: {node['html'][:200]} {node['failureSummary'][:200]}"
            for finding in found
            if finding["impact"] in ("serious", "critical") and finding["id"] != "scrollable-region-focusable"
            for node in finding["nodes"]
        ] == []
        page.close()
