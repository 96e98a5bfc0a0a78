"""Numbers and formulas as KaTeX, which the browser typesets."""

from __future__ import annotations

import math


def number(value: float, digits: int = 4) -> str:
    """A number as KaTeX, with so many significant digits."""
    text = f"{value:.{digits}g}"
    if "e" in text:
        factor, exponent = text.split("e")
        return rf"{factor} \times 10^{{{int(exponent)}}}"
    return text


def signed(value: float) -> str:
    """The same in brackets where it is negative, to stand after an operator."""
    return f"({number(value)})" if value < 0 else number(value)


def plus(value: float) -> str:
    """The same with its sign before it, to be added."""
    return number(value) if value < 0 else f"+{number(value)}"


def times(value: float) -> str:
    """The same with its sign before it, as a factor of what follows."""
    return plus(value) + r"\,"


def lines(*rows: str) -> str:
    """Formulas below each other, aligned at their ``&``."""
    return r"\begin{aligned}" + r"\\[4pt]".join(rows) + r"\end{aligned}"


def centred(*rows: str) -> str:
    """Formulas below each other, each in the middle."""
    return r"\begin{gathered}" + r"\\[4pt]".join(rows) + r"\end{gathered}"


def ratio(value: float) -> str:
    """A ratio for prose, three digits; a sign where there is no number for it."""
    return "∞" if math.isinf(value) else f"{value:.3g}"
