"""The catalogues are complete, and what checks them finds what is not."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from fontTools.ttLib import TTFont
from matplotlib.font_manager import findfont
from PIL import Image, ImageChops

from simam_viz import analyze, wording
from simam_viz.checkpoints.loading import LoadedCheckpoint, class_said, short_name
from simam_viz.checkpoints.store import list_checkpoints
from simam_viz.draw import figures, render
from simam_viz.draw.charts.distributions import weight_distributions
from simam_viz.wording import LANGUAGES, _, catalogue, counted, speaking
from tools import catalogues


@pytest.fixture(scope="module")
def code() -> Catalog:
    return catalogues.of_the_code()


@pytest.mark.parametrize("locale", [locale for locale, _name in LANGUAGES.values() if locale != "en"])
def test_nothing_is_missing_fuzzy_or_left_over(locale: str, code: Catalog) -> None:
    assert len(code) > 1800
    assert catalogues.faults(catalogues.stored(locale), code) == []


def test_chinese_is_punctuated_in_full_width(code: Catalog) -> None:
    for message in catalogues.stored("zh_CN"):
        for text in [message.string] if isinstance(message.string, str) else message.string:
            assert not message.id or not re.search(
                r"[\u4e00-\u9fff] ?[,;:?!](?![\w/*])|[\u4e00-\u9fff]\.(\s|$)", text
            ), text


def test_each_fault_is_named(code: Catalog) -> None:
    def broken(**changes: object) -> list[str]:
        made = Catalog(locale="zh_CN")
        made.add(**{"id": "{n} of it", "string": "{n} 的", **changes})
        said = Catalog()
        said.add("{n} of it")
        return [fault.split(":")[0] for fault in catalogues.faults(made, said)]

    assert broken() == []
    assert broken(string="") == ["not translated"]
    assert broken(string="{m} 的") == broken(string="的") == ["other places"]
    assert broken(flags={"fuzzy"}) == ["fuzzy"]
    assert broken(id="{n} of that") == ["not in the catalogue", "no longer said"]


def test_accents_leave_places_and_formulas_alone() -> None:
    made = Catalog()
    made.add("**{share:.0%}** of `--size` is $1/e^*$")
    made.add(("one", "{count} of them"))
    said = [message.string for message in catalogues.pseudo(made, "zh_CN") if message.id]
    assert "**{share:.0%}**" in said[0] and "`--size`" in said[0] and "$1/e^*$" in said[0] and "of" not in said[0]
    assert "{count}" in said[1][0]


def test_plurals_and_numbers_are_those_of_the_language() -> None:
    with speaking(catalogue("zh")):
        assert counted("{count} core", "{count} cores", 1) == "1 个核心"
        assert counted("{count} core", "{count} cores", 1234) == "1,234 个核心"
        assert _("Overview") == "总览"
    assert _("Overview") == "Overview"


def test_a_third_language_is_a_catalogue_and_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    catalogues.write(catalogues.stored("zh_CN"), "de_DE", tmp_path)
    monkeypatch.setattr(wording, "CATALOGUES", tmp_path)
    monkeypatch.setitem(LANGUAGES, "de", ("de_DE", "Deutsch"))
    with speaking(catalogue("de")):
        assert counted("{count} core", "{count} cores", 1234) == "1.234 个核心"
        assert "1,5" in _("{done} of {total} {unit}", done=1, total=1.5, unit="x")
    wording._of_locale.cache_clear()


def test_figures_have_every_letter_of_the_catalogue() -> None:
    with TTFont(render.HAN_FILE) as han, TTFont(findfont("DejaVu Sans")) as others:
        known = han.getBestCmap().keys() | others.getBestCmap().keys()
    texts = [message.string for message in catalogues.stored("zh_CN") if message.id]
    letters = {letter for text in texts for letter in "".join(text if isinstance(text, tuple) else [text])}
    assert len(letters) > 1000 and {letter for letter in letters - {"\n"} if ord(letter) not in known} == set()


def test_every_class_of_the_bundled_networks_has_its_chinese_name_beside_the_english() -> None:
    categories = list_checkpoints()[0].card.categories or ()
    with speaking(catalogue("zh")):
        said = [class_said(category) for category in categories]
        assert class_said("tabby, tabby cat") == "虎斑猫 tabby"
        assert class_said("tabby, tabby cat", whole=True) == "虎斑猫 tabby, tabby cat"
        assert class_said("no class of these") == "no class of these"
    assert len(said) == len(set(said)) == 200
    assert all(f" {name}".endswith(" " + short_name(category)) for name, category in zip(said, categories, strict=True))
    assert [class_said(category) for category in categories] == [short_name(category) for category in categories]


def test_pictures_that_are_drawn_in_chinese_have_no_empty_boxes(loaded: LoadedCheckpoint, photo: Image.Image) -> None:
    """matplotlib warns of letters that no font has."""
    analysis = analyze(loaded, photo, input_size=64)
    with speaking(catalogue("zh")), warnings.catch_warnings():
        warnings.simplefilter("error")
        figures.figure_picture(weight_distributions(analysis), 540)
        said = render.overview(analysis, 96)
    assert said.size == render.overview(analysis, 96).size
    assert ImageChops.difference(said, render.overview(analysis, 96)).getbbox() is not None
