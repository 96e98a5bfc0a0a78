"""λ under the finger in a real Chromium: pictures follow a drag, the server hears of its end, and all stands without JavaScript too."""

from __future__ import annotations

import base64
import io
import re
from functools import partial

import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect

import simam_viz
from simam_viz.app.components.browser_code import library, stub
from simam_viz.checkpoints.loading import LoadedCheckpoint, class_said
from simam_viz.draw import render
from simam_viz.photos.samples import list_samples
from simam_viz.wording import tag
from tests.helpers.browser import App, alike, decoded
from tests.helpers.maps_drawn import attention_drawn, drawn
from tests.helpers.reading import _, pattern, read

SIZES = [pytest.param(1440, 900, marks=pytest.mark.long), (1280, 720), (390, 844)]
SAMPLE = list_samples()[0]
VIEW = f"?photo={SAMPLE.name}&size=128&lambda=0.1"
WITHOUT = """
const made = URL.createObjectURL;
URL.createObjectURL = (thing) => /javascript/.test(thing.type) ? 'data:text/javascript,throw 0' : made.call(URL, thing);
"""
"""No module that comes as text can be loaded."""


def opened(app: App, view: str = VIEW) -> Locator:
    app.open(view)
    app.settled("Overview")
    return app.film()


def drag(page: Page, slider: Locator, shares: list[float]) -> None:
    """Press the slider at the first of these places along it, and move over the others."""
    box = slider.bounding_box()
    places = [(box["x"] + 8 + share * (box["width"] - 16), box["y"] + box["height"] / 2) for share in shares]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place)


def covered(app: App, cover: Locator, expected: Image.Image) -> None:
    """Wait until the browser draws this over the picture of Python's."""
    data = "canvas => canvas.toDataURL('image/png').split(',')[1]"
    drawn = partial(cover.evaluate, data)
    app.until(lambda: alike(decoded(base64.b64decode(drawn())), expected), "a picture does not follow")


def test_pictures_follow_a_drag_and_the_address_its_end(app: App, loaded: LoadedCheckpoint) -> None:
    film, heard = opened(app), []
    app.idle()
    before = app.page.url
    app.page.evaluate("document.documentElement.dataset.moves = 0")
    drag(app.page, app.slider, [0.7, 0.6, 0.5, 0.3])
    expect(film).not_to_have_attribute("data-shown", "0.1")
    at = film.get_attribute("data-shown")
    analysis = simam_viz.analyze(loaded, SAMPLE.image(), float(at), input_size=128)
    app.draws(attention_drawn(analysis))
    name, share = film.locator(".answers li").first.locator("span, b").all_inner_texts()
    assert name == class_said(analysis.top(1)[0][1]) and share.endswith("%") and not heard
    assert app.page.url == before
    app.page.mouse.up()
    expect(app.page).to_have_url(re.compile(rf"lambda={re.escape(at)}(&|$)"))
    app.idle()
    assert film.get_attribute("data-shown") == at and float(app.slider.get_attribute("aria-valuetext")) == float(at)


def test_grad_cam_follows_once_it_is_asked_for(app: App, loaded: LoadedCheckpoint) -> None:
    def right(at: float) -> dict[str, Image.Image]:
        analysis = simam_viz.analyze(loaded, SAMPLE.image(), at, input_size=128)
        return {block.name: drawn(analysis, block.cam, render.CAM_SCALE) for block in analysis.blocks}

    film = opened(app)
    app.move_lambda("End")
    expect(app.page).to_have_url(re.compile("lambda=10"))
    app.idle()
    film.get_by_role("radio", name=_("Grad-CAM")).click()
    expect(app.page).to_have_url(re.compile("pictures=gradcam"))
    app.draws(right(10))
    app.film()
    drag(app.page, app.slider, [0.99, 0.6, 0.5, 0.3])
    expect(film).not_to_have_attribute("data-shown", "10")
    at = float(film.get_attribute("data-shown"))
    assert at == float(app.slider.get_attribute("aria-valuetext")), "all stops have come"
    app.draws(right(at))
    app.page.mouse.up()
    expect(app.page).to_have_url(re.compile(rf"lambda={re.escape(f'{at:g}')}(&|$)"))
    app.page.reload()
    app.settled("Overview")
    expect(app.film()).to_have_attribute("data-look", "cams")
    app.draws(right(at))
    film.get_by_role("radio", name=_("Grad-CAM")).press("ArrowLeft")
    app.draws(attention_drawn(simam_viz.analyze(loaded, SAMPLE.image(), at, input_size=128)))
    expect(app.page).not_to_have_url(re.compile("pictures="))
    expect(app.film()).to_have_attribute("data-look", "weights")


@pytest.mark.long
def test_the_network_s_own_lambda_is_a_click_away(app: App) -> None:
    film = opened(app, f"?photo={SAMPLE.name}&size=128&lambda=1")
    back = film.get_by_role("button", name=_("Back to the trained λ = {e_lambda:g}", e_lambda=0.1))
    back.click()
    expect(film).to_have_attribute("data-shown", "own")
    expect(app.page).not_to_have_url(re.compile("lambda="))
    expect(back).to_be_disabled()


@pytest.mark.long
def test_a_cross_is_on_every_picture_and_a_click_opens_the_neuron(app: App, loaded: LoadedCheckpoint) -> None:
    film = opened(app)
    tile = film.locator("button.picture").nth(2)
    box = tile.bounding_box()
    app.page.mouse.move(box["x"] + box["width"] * 0.26, box["y"] + box["height"] * 0.51)
    expect(film.locator(".blocks .cell:visible")).to_have_count(8)
    assert film.locator(".photo .cell").evaluate("e => parseFloat(e.style.left)") == pytest.approx(26, abs=1)
    block = simam_viz.analyze(loaded, SAMPLE.image(), 0.1, input_size=128).blocks[2]
    row, column = int(0.51 * block.features.shape[1]), int(0.26 * block.features.shape[2])
    told = float(film.locator(".number").nth(2).get_attribute("data-here"))
    assert told == pytest.approx(float(block.attention.mean(dim=0)[row, column]), abs=2e-3)
    app.page.mouse.click(box["x"] + box["width"] * 0.26, box["y"] + box["height"] * 0.51)
    app.settled("Attention maps")
    channel = int(block.attention[:, row, column].argmax())
    wanted = {"block": block.name, "channel": str(channel), "row": str(row), "column": str(column)}
    assert wanted.items() <= app.parameters().items()


@pytest.mark.long
def test_a_reader_of_the_screen_hears_where_it_came_to_rest(app: App, loaded: LoadedCheckpoint) -> None:
    film = opened(app)
    app.move_lambda("End")
    heard = "λ at {at}. The network says {name}, {share}. The highest mean weight is in {block}."
    expect(film.get_by_role("status")).to_have_text(pattern(heard, at="10"))
    told = read(heard, film.get_by_role("status").inner_text())
    analysis = simam_viz.analyze(loaded, SAMPLE.image(), 10, input_size=128)
    highest = max(analysis.blocks, key=lambda block: float(block.attention.mean(dim=0).max()))
    assert (told["name"], told["block"]) == (class_said(analysis.top(1)[0][1]), highest.name)


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_photo_lambda_and_blocks_are_seen_at_once(app: App, width: int, height: int) -> None:
    app.page.set_viewport_size({"width": width, "height": height})
    film = opened(app)
    expect(app.slider).to_be_in_viewport(ratio=1)
    whole = 1 if width > 640 else 0.3  # on a phone, the first row of blocks; the others a thumb away
    for tile in film.locator("canvas[data-block]").all()[: 8 if width > 640 else 4]:
        expect(tile).to_be_in_viewport(ratio=whole)
    across = app.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert across <= 0


@pytest.mark.usefixtures("language")
def test_without_its_javascript_everything_works(browser: Browser, server: str, loaded: LoadedCheckpoint) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 900}, locale=tag())
    page.add_init_script(WITHOUT)
    page.goto(f"{server}/{VIEW}")
    slider = page.get_by_test_id("stSidebar").get_by_role("slider")
    expect(slider).to_be_visible(timeout=60_000)
    says = "#### The network says: {name} ({share})"
    expect(page.get_by_text(pattern(says))).to_be_visible()
    expect(page.locator("[class*=st-key-picture-weights-] img")).to_have_count(8)
    expect(page.locator("[class*=st-key-picture-weights-] img").first).to_be_visible()
    slider.press("End")
    expect(page).to_have_url(re.compile("lambda=10"))
    _index, name, _share = simam_viz.analyze(loaded, SAMPLE.image(), 10, input_size=128).top(1)[0]
    expect(page.get_by_text(pattern(says, name=class_said(name)))).to_be_visible()
    page.close()


ASKED = """async ([code, milliseconds]) => {
    const { default: start } = await import(URL.createObjectURL(new Blob([code], {type: 'text/javascript'})));
    let asked = 0;
    const stop = start({ parentElement: document.body, setTriggerValue: () => (asked += 1) });
    document.querySelector('a')?.click();
    await new Promise((later) => setTimeout(later, milliseconds));
    stop();
    return asked;
}"""


def test_a_page_that_is_being_left_asks_for_nothing(browser: Browser) -> None:
    page = browser.new_page()
    page.set_content("<a href='#elsewhere'>Elsewhere</a>")
    assert page.evaluate(ASKED, [stub("wait"), 600]) == 0
    page.set_content("<p data-test-script-state='running'>")
    assert page.evaluate(ASKED, [stub("wait"), 600]) == 0
    page.set_content("<p data-test-script-state='notRunning'>")
    assert page.evaluate(ASKED, [stub("wait"), 600]) == 1
    page.close()


ALIVE = """async (code) => {
    const { default: start } = await import(URL.createObjectURL(new Blob([code], {type: 'text/javascript'})));
    let asked = 0;
    const about = { parentElement: document.body, setTriggerValue: () => (asked += 1) };
    const before = start(about), now = start(about);
    before();  // as Streamlit does where new data came while the first was being fetched
    await new Promise((later) => setTimeout(later, 600));
    now();
    const then = asked;
    await new Promise((later) => setTimeout(later, 600));
    return [then, asked];
}"""


def test_only_the_last_answer_is_waited_for_and_its_end_is_not_that_of_one_before(browser: Browser) -> None:
    page = browser.new_page()
    page.set_content("<p data-test-script-state='notRunning'>")
    assert page.evaluate(ALIVE, stub("wait")) == [1, 1]
    page.close()


LEFT = """async ([whole, drawn, stands, words, row]) => {
    const load = async (code) => (await import(URL.createObjectURL(new Blob([code], {type: 'text/javascript'})))).default;
    const [library, element, standing] = [await load(whole), await load(drawn), await load(stands)];
    const place = () => document.body.appendChild(document.createElement('div')).attachShadow({ mode: 'open' });
    const film = () => document.documentElement.dataset.film ?? 'none';
    const found = [];
    const early = place();
    const over = element({ parentElement: early, data: [row] });
    early.host.remove();
    over();
    library({ data: [{ words, colours: {} }] });
    found.push(film());
    const here = place(), about = { parentElement: here, data: [row] };
    const first = element(about), second = element(about);
    first();
    found.push(film());
    here.host.remove();
    second();
    found.push(film());
    const [one, other] = [standing({ data: [{ pictures: [] }] }), standing({ data: [{ pictures: [], at: 'own' }] })];
    one();
    found.push(globalThis.simamViz.standing?.at ?? 'none');
    other();
    found.push(globalThis.simamViz.standing?.at ?? 'none');
    return found;
}"""


def test_what_is_left_early_hides_nothing_later_and_what_has_new_data_stays(browser: Browser) -> None:
    """A slider of the page that was left before the library came would hide the sidebar's for good."""
    row = {"only": "lambda", "heard": 0, "help": "", "title": "λ", "back": "", "at": "own", "own": "own"}
    row["stops"] = [{"key": "own", "label": "0.1"}, {"key": "10", "label": "10"}]
    page = browser.new_page()
    page.goto("about:blank")
    code = [library(), stub("stub"), stub("stands")]
    assert page.evaluate(LEFT, [*code, {"live": "", "about": ""}, row]) == ["none", "here", "none", "own", "none"]
    page.close()


MODULE = """async (text) => {
    const parts = 'plan, decoded, joined, nearest, valueAt, strongest, percent, span, Hand, paintOver';
    const address = URL.createObjectURL(new Blob([text, `\\nexport { ${parts} };`], { type: 'text/javascript' }));
    globalThis.parts = await import(address);
}"""


@pytest.fixture
def code(browser: Browser) -> Page:
    """A page on which the parts of the JavaScript lie, as the browser itself takes them: it would refuse what is no JavaScript."""
    page = browser.new_page()
    page.goto("about:blank")
    page.evaluate(MODULE, library())
    yield page
    page.close()


def test_enlarging_is_pillows(code: Page) -> None:
    found = code.evaluate("""() => { const p = parts.plan(5, 16); const out = [];
        for (let x = 0; x < 16; x++) { let s = 0;
            for (let i = 0; i < p.counts[x]; i++) s += [3, 9, 1, 7, 5][p.starts[x] + i] * p.taps[x * p.most + i]; out.push(s); }
        return out; }""")
    line = Image.new("F", (5, 1))
    line.putdata([3, 9, 1, 7, 5])
    assert found == pytest.approx(list(line.resize((16, 1), Image.Resampling.BICUBIC).getdata()), abs=1e-4)


def test_numbers_are_told_as_elsewhere(code: Page) -> None:
    assert code.evaluate("[0.99312, 0.0004, 0.0005].map(parts.percent)") == ["99.3%", "<0.1%", "0.1%"]
    assert code.evaluate("parts.span(0.62246, 0.8)") == ["0.622", "0.8"]
    assert code.evaluate("parts.span(0.62246, 0.62249)") == ["0.62246", "0.62249"]


def test_a_film_that_ends_too_early_is_none(code: Page) -> None:
    assert (
        code.evaluate("""() => { const head = new TextEncoder().encode(JSON.stringify({view: [4, 4], blocks: [], stops: []}));
        const bytes = new Uint8Array(4 + head.length + 3); new DataView(bytes.buffer).setUint32(0, head.length, true);
        bytes.set(head, 4); try { parts.decoded(bytes); return 'taken'; } catch (error) { return error.message; } }""")
        == ("a film ends too early")
    )


OF_TWO = """() => {
    const of = (...stops) => ({ key: 'k', header: { classes: {} }, stops: new Map(stops.map((stop) => [stop.key, stop])) });
    const stop = (key, cams, at) => ({ key, cams, maxima: cams.map(() => 1), weights: [at] });
    const joint = parts.joined(of(stop('1', ['cam'], 'old'), stop('2', ['cam'], 'old')), of(stop('2', [], 'new'), stop('3', [], 'new')));
    const order = ['1', '2', '3', '4'], seen = (at, fit) => parts.nearest(joint, order, at, fit).key;
    return [[...joint.stops.values()].map(({ weights, cams }) => [...weights, ...cams]),
            seen(3, () => true), seen(3, (one) => one.cams.length > 0), seen(3, () => false)];
}"""


def test_grad_cam_is_kept_and_the_nearest_that_has_it_is_shown(code: Page) -> None:
    assert code.evaluate(OF_TWO) == [[["old", "cam"], ["new", "cam"], ["new"]], "3", "2", "1"]


HAND = """() => {
    const input = document.createElement('input'); input.type = 'range'; input.max = '9'; input.value = '3';
    document.body.replaceChildren(input);
    globalThis.sent = []; globalThis.drawn = []; globalThis.input = input;
    globalThis.hand = new parts.Hand(input, (at) => drawn.push(at), (at, number) => sent.push([at, number]));
    globalThis.move = (at, ...events) => { input.value = String(at); for (const e of events) input.dispatchEvent(new Event(e)); };
}"""


def test_an_answer_that_is_older_than_the_hand_moves_nothing(code: Page) -> None:
    code.evaluate(HAND)
    code.evaluate(
        "input.dispatchEvent(new Event('pointerdown')); move(5, 'input'); move(6, 'input', 'pointerup', 'change');"
    )
    assert code.evaluate("sent.map(([at]) => at)") == [6] and code.evaluate("drawn") == [5, 6]
    code.evaluate("hand.answer(2, sent[0][1] - 1)")
    assert code.evaluate("input.value") == "6"
    code.evaluate("hand.answer(2, sent[0][1])")
    assert code.evaluate("input.value") == "2" and code.evaluate("sent.length") == 1


def test_while_it_is_held_nothing_moves_it_and_a_swipe_is_taken_back(code: Page) -> None:
    code.evaluate(HAND)
    code.evaluate("input.dispatchEvent(new Event('pointerdown')); hand.answer(8, 5);")
    assert code.evaluate("input.value") == "3"
    code.evaluate("input.dispatchEvent(new Event('pointerup'))")
    assert code.evaluate("input.value") == "8"
    code.evaluate("input.dispatchEvent(new Event('pointerdown')); move(1, 'input', 'pointercancel')")
    assert code.evaluate("input.value") == "8" and code.evaluate("sent") == []


def test_a_held_key_is_said_once_and_leaving_says_it_at_once(code: Page) -> None:
    code.evaluate(HAND)
    code.evaluate("input.dispatchEvent(new Event('keydown')); for (const at of [4, 5, 6]) move(at, 'input', 'change');")
    assert code.evaluate("sent") == []
    code.evaluate("input.dispatchEvent(new Event('blur'))")
    assert code.evaluate("sent.map(([at]) => at)") == [6]


PRESSED = "(...at) => { input.dispatchEvent(new KeyboardEvent('keydown', { repeat: at.length > 1 })); move(at[0], 'input', 'change'); }"


def test_a_key_is_said_when_it_is_let_go_and_several_once(code: Page) -> None:
    code.clock.install()
    code.evaluate(HAND)
    code.evaluate(f"globalThis.press = {PRESSED}; globalThis.letGo = () => input.dispatchEvent(new Event('keyup'));")
    said = "sent.splice(0).map(([at]) => at)"
    code.evaluate("press(7)")
    code.clock.run_for(500)  # as long as a system waits before it repeats the key
    code.evaluate("press(8, 'again')")
    code.clock.run_for(500)
    assert code.evaluate(said) == []
    code.evaluate("letGo()")
    assert code.evaluate(said) == [8]
    code.clock.run_for(2000)
    code.evaluate("press(7); letGo();")
    assert code.evaluate(said) == [7]
    for at in (6, 5, 4):  # as fast as fingers are
        code.clock.run_for(80)
        code.evaluate(f"press({at})")
        code.clock.run_for(60)
        code.evaluate("letGo()")
    assert code.evaluate(said) == []
    code.clock.run_for(150)
    assert code.evaluate(said) == [4]
    code.clock.run_for(2000)
    assert code.evaluate(said) == []


def between_tiles(page: Page) -> tuple[int, ...]:
    """The colour where the first two of the large tiles meet."""
    grid = page.locator(".st-key-channels-contrast [data-ready] .tiles-grid")
    with Image.open(io.BytesIO(grid.screenshot())) as seen:
        edge = grid.locator("button").nth(1).evaluate("button => button.offsetLeft")
        return seen.convert("RGB").getpixel((round(edge), 20))  # type: ignore[return-value]


def test_a_channel_and_the_tiles_follow_a_drag_until_python_draws_them(app: App, loaded: LoadedCheckpoint) -> None:
    app.open(f"attention_maps{VIEW}&block=layer3.0&channel=5&row=2&column=3")
    app.settled("Attention maps")
    live = app.page.locator("[data-testid=live][data-ready=true]")
    expect(live).to_be_visible(timeout=60_000)
    app.idle()
    cover = app.page.locator("canvas[data-live=channel-weights]")
    expect(cover).to_have_count(0)
    before = app.page.url
    ground = between_tiles(app.page)
    assert min(ground) > 250, "the page shows between two tiles"
    drag(app.page, app.slider, [0.7, 0.6, 0.5, 0.3])
    expect(cover).to_have_attribute("data-shown", re.compile(r"^(?!0\.1$)"))
    assert between_tiles(app.page) == ground
    assert {c.get_attribute("data-live") for c in app.page.locator("canvas[data-live]").all()} >= {
        "channel-weights", "channel-overlay", "contrast", "mosaic",
    }  # fmt: skip
    at = cover.get_attribute("data-shown")
    weights = simam_viz.analyze(loaded, SAMPLE.image(), float(at), input_size=128).block("layer3.0").attention[5]
    expected = render.marked_map(weights, render.scale_for("attention weight", weights), (2, 3), 480)
    covered(app, cover, expected)
    assert app.page.url == before
    app.page.mouse.up()
    expect(app.page).to_have_url(re.compile(rf"lambda={re.escape(at)}(&|$)"))
    expect(app.page.locator("canvas[data-live]")).to_have_count(0)
    app.shows("channel-weights", expected)


def test_heat_maps_side_by_side_follow_a_drag_each_by_its_network(app: App, loaded: LoadedCheckpoint) -> None:
    app.open(f"gradcam_comparison{VIEW}&columns=uniform,off&block=layer3.0&first=on&second=off")
    app.settled("Grad-CAM comparison")
    expect(app.page.locator("[data-testid=live][data-ready=true]")).to_be_visible(timeout=60_000)
    app.idle()
    before = app.page.url
    drag(app.page, app.slider, [0.7, 0.6, 0.5, 0.3])
    covers = {
        name: app.page.locator(f"canvas[data-live={name}]")
        for name in ("cam-on", "cam-uniform", "cam-off", "difference")
    }
    expect(covers["cam-on"]).to_have_attribute("data-shown", re.compile(r"^(?!0\.1$)"))
    at = covers["cam-on"].get_attribute("data-shown")
    right = simam_viz.compare(loaded, SAMPLE.image(), float(at), input_size=128)
    cams = {name: one.block("layer3.0").cam for name, one in right.items()}
    view, size = right["on"].view, max(right["on"].view.size)
    expected = {
        f"cam-{name}": render.overlay(view, cams[name], render.CAM_SCALE, size) for name in ("on", "uniform", "off")
    }
    expected["difference"] = render.difference(view, cams["on"], cams["off"], render.DIFFERENCE_SCALE, size)
    assert not alike(expected["cam-on"], expected["cam-off"])
    for name, picture in expected.items():
        covered(app, covers[name], picture)
    assert app.page.url == before
    faded = "getComputedStyle(document.querySelector('.st-key-said-on')).opacity < 1"
    assert app.page.evaluate(faded), "the numbers beside it are still those of another λ"
    app.page.mouse.up()
    expect(app.page).to_have_url(re.compile(rf"lambda={re.escape(at)}(&|$)"))
    expect(app.page.locator("canvas[data-live]")).to_have_count(0)
    app.until(lambda: not app.page.evaluate(faded), "the numbers stay faded")
    app.shows("cam-on", render.overlay(view, cams["on"], render.CAM_SCALE, 480))


@pytest.mark.long
def test_every_block_of_every_network_follows_a_drag(app: App, loaded: LoadedCheckpoint) -> None:
    app.open(f"gradcam_comparison{VIEW}&look=blocks&columns=off&fixed-mean=yes")
    app.settled("Grad-CAM comparison")
    expect(app.page.locator("[data-testid=live][data-ready=true]")).to_be_visible(timeout=60_000)
    app.idle()
    drag(app.page, app.slider, [0.7, 0.6, 0.5, 0.3])
    expect(app.page.locator("canvas[data-live^=strip-on-]")).to_have_count(8)
    cover = app.page.locator("canvas[data-live='strip-on-layer2.1']")
    at = cover.get_attribute("data-shown")
    target = simam_viz.analyze(loaded, SAMPLE.image(), float(at), input_size=128).target
    right = simam_viz.compare(loaded, SAMPLE.image(), float(at), target, 128, fixed_mean=True)["on"]
    expected = render.overlay(right.view, right.block("layer2.1").cam, render.CAM_SCALE, max(right.view.size))
    covered(app, cover, expected)
    app.page.mouse.up()
    expect(app.page.locator("canvas[data-live]")).to_have_count(0)
