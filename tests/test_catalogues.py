"""The catalogues are complete, and what checks them finds what is not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog

from simam_viz import wording
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
