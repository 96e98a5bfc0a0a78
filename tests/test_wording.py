"""A sentence is looked up whole, its places are filled after, and nobody hears another thread's language."""

from __future__ import annotations

import contextvars
import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from simam_viz.wording import _, again, catalogue, counted, kept, later, remembered, speak, speaking, together
from tests.helpers.made_up_language import Bracketed, outside


def in_brackets(say: Callable[[], str]) -> str:
    """What is said in the made-up language; this thread goes on in its own."""

    def said() -> str:
        speak(Bracketed())
        return say()

    return contextvars.copy_context().run(said)


def test_places_are_filled_after_the_sentence_is_looked_up() -> None:
    asked = []

    class Backwards(Bracketed):
        def gettext(self, message: str) -> str:
            asked.append(message)
            return "{share:.0%}: {name}"

    def said() -> str:
        speak(Backwards())
        return _("The network says: {name} ({share:.1%})", name="{lemon}", share=0.25)

    assert contextvars.copy_context().run(said) == "25%: {lemon}"
    assert asked == ["The network says: {name} ({share:.1%})"]
    assert (
        _("The network says: {name} ({share:.1%})", name="{lemon}", share=0.25) == "The network says: {lemon} (25.0%)"
    )


def test_without_places_braces_are_braces() -> None:
    assert _(r"\frac{1}{e^*}") == r"\frac{1}{e^*}"
    assert in_brackets(lambda: _(r"\frac{1}{e^*}")) == r"⟦\frac{1}{e^*}⟧"


@pytest.mark.parametrize(("count", "said"), [(0, "0 photos of me"), (1, "1 photo of me"), (1234, "1,234 photos of me")])
def test_things_are_counted(count: int, said: str) -> None:
    def say() -> str:
        return counted("1 photo of {whom}", "{count} photos of {whom}", count, whom="me")

    assert say() == said and in_brackets(say) == f"⟦{said}⟧"


def test_a_table_made_at_import_is_said_where_it_is_shown() -> None:
    title = later("Overview")
    assert title == "Overview" and in_brackets(lambda: _(title)) == "⟦Overview⟧"


def test_another_thread_keeps_english() -> None:
    def said() -> list[str]:
        speak(Bracketed())
        with ThreadPoolExecutor(1) as other:
            return [_("Photo"), other.submit(_, "Photo").result(), _("Photo")]

    assert contextvars.copy_context().run(said) == ["⟦Photo⟧", "Photo", "⟦Photo⟧"]
    assert _("Photo") == "Photo", "nor is it left in this one"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("**⟦layer ⟦a⟧ b⟧**", ""),
        (":material/info: ⟦It was enlarged.⟧ 0.1", ""),
        ("⟦The class.⟧\n\n目标类别：Grad-CAM 所解释的类别。", ""),
        ("⟦The class.⟧\n\nλ 是 SimAM 能量函数中唯一的自由参数。", ""),
        ("⟦The class⟧ of it", "of it"),
        ("### Not said", "Not said"),
        ("**layer1.0**", "layer1.0"),
        ("λ = 1e-06", ""),
    ],
)
def test_what_is_outside_of_the_brackets_is_found(text: str, left: str) -> None:
    assert outside(text) == left


def test_what_is_remembered_is_said_again_in_another_language_with_all_that_it_is_made_of() -> None:
    def said() -> str:
        size = _("{size} × {size} px", size=1.5)
        many = counted("{count} class", "one of {count} classes", 1234)
        return together(_("{title} (never saw SimAM)", title=size), many)

    assert type(said()) is str and again(said()) == said(), "what nobody remembers is text"
    with speaking(catalogue("zh")), remembered():
        text = kept(said())
        assert type(said()) is str and kept("of nobody") == "of nobody"
    chinese = "1.5 × 1.5 px（训练时不带 SimAM）1,234 个类别之一"
    english = "1.5 × 1.5 px (never saw SimAM) one of 1,234 classes"
    assert (text, again(text), again(pickle.loads(pickle.dumps(text)))) == (chinese, english, english)
    with speaking(catalogue("zh")):
        assert again(text) == chinese and type(kept(said())) is str
