"""What journeys read are messages of the app, whole, in either language; anything else is an error."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from simam_viz.wording import catalogue, speaking
from tests.helpers.reading import _, counted, pattern, read

STOPPED = "Stopped after {done} of {total} {unit}."


@pytest.mark.parametrize("say", [_, pattern, lambda sentence: read(sentence, sentence)])
@pytest.mark.parametrize("sentence", ["Stopped after", "stopped after {done} of {total} {unit}.", ""])
def test_what_is_no_message_is_an_error_in_english_too(say: Callable[[str], object], sentence: str) -> None:
    with pytest.raises(LookupError, match="the app has no message"):
        say(sentence)


@pytest.mark.parametrize(
    ("code", "said", "counts"),
    [("en", "Stopped after 3 of 21 λ.", "one of 5 classes"), ("zh", "已停止（λ：3/21）。", "5 个类别之一")],
)
def test_a_message_is_read_in_either_language(code: str, said: str, counts: str) -> None:
    with speaking(catalogue(code)):
        assert _(STOPPED, done=3, total=21, unit="λ") == said
        assert pattern(STOPPED, done=3).search(said) and pattern(STOPPED, done=re.compile(r"\d")).search(said)
        assert not pattern(STOPPED, done=4).search(said)
        assert read(STOPPED, said) == {"done": "3", "total": "21", "unit": "λ"}
        with pytest.raises(LookupError, match="does not say"):
            read(STOPPED, "something else")
        assert counted("{count} class", "one of {count} classes", 5) == counts


def test_marks_of_markdown_are_not_read() -> None:
    assert _("#### The network says: {name} ({share})", name="a", share="1%") == "The network says: a (1%)"
    assert pattern("Its twin is **{network}**.", network="b.pth").fullmatch("Its twin is b.pth.")
