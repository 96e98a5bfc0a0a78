"""Formulas as MathML, whose parts bear names: a browser draws it everywhere, and a number can light up with what it comes from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape
from xml.etree import ElementTree

from .saying import DIGITS, DIGITS_OF, said

_PLACE = re.compile(r'(<mn data-part="(\w+)" data-value="(|brackets)">)[^<]*(</mn>)')


def name(letters: str, part: str = "") -> str:
    """A letter or a word such as *sigmoid*; ``part`` says what it stands for, a key of the scene's values."""
    return f"<mi{_part(part)}>{escape(letters)}</mi>"


def below(letters: str, index: str, part: str = "") -> str:
    """A letter with an index below it."""
    return f"<msub{_part(part)}><mi>{escape(letters)}</mi><mi>{escape(index)}</mi></msub>"


def value(part: str, brackets: bool = False) -> str:
    """The place of a number, in brackets where it is negative and something stands before it."""
    return f'<mn data-part="{part}" data-value="{"brackets" if brackets else ""}"></mn>'


def number(digits: str) -> str:
    """A number that never changes."""
    return f"<mn>{escape(digits)}</mn>"


def sign(*signs: str) -> str:
    """An operator."""
    return "".join(f"<mo>{escape(one)}</mo>" for one in signs)


def row(*parts: str) -> str:
    """Parts beside each other, as one."""
    return f"<mrow>{''.join(parts)}</mrow>"


def part(called: str, inner: str) -> str:
    """Several parts that stand for one of a scene's values."""
    return f'<mrow data-part="{called}">{inner}</mrow>'


def fraction(above: str, under: str) -> str:
    """One over the other."""
    return f"<mfrac>{row(above)}{row(under)}</mfrac>"


def squared(base: str) -> str:
    """To the power of two."""
    return f"<msup>{row(base)}{number('2')}</msup>"


def starred(letters: str, part: str = "") -> str:
    """A letter with a star, the mark of the minimum."""
    return f"<msup{_part(part)}><mi>{escape(letters)}</mi><mo>*</mo></msup>"


def bracketed(*parts: str) -> str:
    """In round brackets."""
    return row('<mo stretchy="false">(</mo>', *parts, '<mo stretchy="false">)</mo>')


def lines(*formulas: str) -> str:
    """Formulas below each other, each a ``<math>`` of its own so that it may stand beside the last where there is room."""
    return "".join(f'<math display="block">{row(formula)}</math>' for formula in formulas)


def filled(formula: str, values: Mapping[str, float]) -> str:
    """A formula with its numbers in their places."""

    def fill(found: re.Match[str]) -> str:
        opening, part, brackets, closing = found.groups()
        text = said(values[part], DIGITS_OF.get(part, DIGITS))
        return f"{opening}({text}){closing}" if brackets and values[part] < 0 else f"{opening}{text}{closing}"

    return _PLACE.sub(fill, formula)


def _part(part: str) -> str:
    return f' data-part="{part}"' if part else ""


def as_text(formula: str) -> str:
    """A formula in one line, for places that show no MathML: fractions with a slash, squares as ²."""
    return " ".join(_text(one) for one in ElementTree.fromstring(f"<all>{formula}</all>"))  # noqa: S314 (made here)


def _text(node: ElementTree.Element) -> str:
    parts = [_text(child) for child in node]
    match node.tag:
        case "mfrac":
            return (
                " / ".join(f"[{part}]" if " " in part else part for part in parts)
                if " " in "".join(parts)
                else "/".join(parts)
            )
        case "msup":
            return parts[0] + {"2": "²"}.get(parts[1].strip(), parts[1].strip())
        case "msub":
            return f"{parts[0]}_{parts[1]}"
        case "msubsup":
            return parts[0] + (f"_{parts[1]}" if parts[1] else "") + "²"
        case "mo" if node.text in ("=", "+", "−", "·"):
            return f" {node.text} "
    return (node.text or "") + "".join(parts)
