"""The language is changed in the middle of a visit, and back: nothing but the words becomes another."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from simam_viz.wording import LANGUAGES, catalogue, speaking
from tests.helpers.browser import App, Pixels
from tests.helpers.chinese import left_of
from tests.helpers.image_bombs import encoded
from tests.helpers.lesson import Stage
from tests.helpers.reading import _, in_english

VALUES = """() => [...document.querySelectorAll('input')].filter(one => one.type !== 'file').map(one =>
    ['checkbox', 'radio'].includes(one.type) ? one.checked : ['range', 'number'].includes(one.type) ? one.value : 'text')"""
NOISE = np.random.default_rng(3).integers(0, 256, (180, 240, 4), dtype=np.uint8)
FILLED = "Its transparent parts were filled with white."


def look(app: App) -> tuple[dict[str, str], list[Any], dict[str, Pixels]]:
    """What is on a page beside its words: its address, what its controls say, its pictures."""
    app.page.mouse.move(0, 0)  # what is told under the mouse is no part of it
    app.rest()
    asked = {name: text for name, text in app.parameters().items() if name != "lang"}
    return asked, app.page.evaluate(VALUES), app.pictures()


def words(app: App) -> list[str]:
    """Every line of the page."""
    return [
        line
        for place in ("stSidebarUserContent", "stMain")
        for line in app.page.get_by_test_id(place).inner_text().splitlines()
    ]


@contextmanager
def in_language(app: App, code: str, title: str) -> Iterator[None]:
    """The page of this title in another language for as long as the block lasts, and the same but for its words; then back."""
    before, said = look(app), words(app)
    app.page.get_by_test_id("stSidebar").get_by_text(LANGUAGES[code][1], exact=True).click()
    with speaking(catalogue(code)):
        app.settled(title)
        same(app, before)
        assert words(app) != said
        app.until(lambda: left_of(app.told()) == [], "English is left")
        yield
    app.page.get_by_test_id("stSidebar").get_by_text(LANGUAGES["en"][1], exact=True).click()
    app.settled(title)
    same(app, before)
    assert words(app) == said


def same(app: App, before: tuple[dict[str, str], list[Any], dict[str, Pixels]]) -> None:
    asked, values, pictures = look(app)
    assert (asked, values, pictures.keys()) == (*before[:2], before[2].keys())
    assert [name for name, picture in pictures.items() if not np.array_equal(picture, before[2][name])] == []


@in_english  # it speaks both
@pytest.mark.long
def test_there_and_back_nothing_but_the_words_changes(app: App, tmp_path: Path) -> None:
    app.open("?size=96")
    app.settled("Overview")
    sidebar, main = (app.page.get_by_test_id(place) for place in ("stSidebar", "stMain"))

    # A photo of one's own, with something to say about it; then what is no photo.
    (tmp_path / "mine.png").write_bytes(encoded(Image.fromarray(NOISE, "RGBA"), "PNG"))
    (tmp_path / "notes.pdf").write_bytes(b"%PDF-1.7\n")
    uploader = sidebar.get_by_test_id("stFileUploader").first.locator("input[type=file]")
    uploader.set_input_files(tmp_path / "mine.png")
    expect(sidebar.get_by_text(_(FILLED))).to_be_visible()
    uploader.set_input_files(tmp_path / "notes.pdf")
    refused = "This is a PDF document, which is not read here; save the picture in it as JPEG or PNG and choose that."
    expect(sidebar.get_by_text(_(refused))).to_be_visible()
    app.film()
    app.move_lambda("End")
    expect(app.page).to_have_url(re.compile("lambda=10"))
    with in_language(app, "zh", "Overview"):
        for sentence in (FILLED, refused):
            expect(sidebar.get_by_text(_(sentence))).to_be_visible()
        app.film()

    # A block, and a channel of it.
    app.go("Attention maps")
    app.choose(_("Block"), re.compile("^layer3.0"))
    channel = main.get_by_role("spinbutton", name=_("Channel (0 to {last})", last=255))
    channel.fill("9")
    channel.press("Enter")
    expect(app.page).to_have_url(re.compile("block=layer3.0&channel=9"))
    with in_language(app, "zh", "Attention maps"):
        expect(main.get_by_role("spinbutton", name=_("Channel (0 to {last})", last=255))).to_have_value("9")

    # A question of the lesson, answered.
    app.go("Energy function")
    stage = Stage(app.page)
    stage.open(3)
    stage.body.get_by_role("button", name=_("Exercise")).click()
    for _step in range(18):  # three decades
        stage.handle("λ").last.press("ArrowLeft")
    stage.body.get_by_role("button", name=_("Check")).click()
    verdict = stage.body.locator(".verdict")
    expect(verdict).to_have_class(re.compile("right"))
    with in_language(app, "zh", "Energy function"):
        expect(verdict).to_have_class(re.compile("right"))
        assert re.search("[一-鿿]", verdict.inner_text()), "it is said in Chinese"
    stage.body.get_by_role("button", name=_("Back to the text")).click()
    with in_language(app, "zh", "Energy function"):
        expect(stage.body.get_by_role("button", name=_("Exercise"))).to_have_text(f"{_('Exercise')} ✓")

    # A comparison, measured.
    app.go("Grad-CAM comparison")
    main.get_by_role("radio", name=_("Faithfulness"), exact=True).click()
    main.get_by_role("button", name=_("Measure"), exact=True).click()
    expect(main.get_by_role("button", name=_("Once more"), exact=True)).to_be_visible(timeout=120_000)
    with in_language(app, "zh", "Grad-CAM comparison"):
        expect(main.get_by_role("button", name=_("Once more"), exact=True)).to_be_visible()
        expect(main.get_by_test_id("stDataFrame").first).to_be_visible()
