"""The one rule by which the lesson says a number, here and in the browser (``app/components/scenes/saying.js``)."""

from __future__ import annotations

import math
from decimal import ROUND_HALF_UP, Decimal

DIGITS = 4
"""Significant digits."""

DIGITS_OF = {"weight": 5, "mean_weight": 5}
"""Of what needs more, by its name among the values of a scene: weights differ where they are all but 1."""

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def said(value: float, digits: int = DIGITS) -> str:
    """A number for people: so many significant digits, no zeros at its end, halves away from zero, a real minus sign.

    Below a ten-thousandth and from a million on as a power of ten, 8.71 × 10⁻⁵. A test in the browser holds its twin there to
    this on hundreds of values.
    """
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == 0:
        return "0"
    exact = abs(Decimal(value))
    step = Decimal(1).scaleb(exact.adjusted() - digits + 1)
    rounded = exact.quantize(step, rounding=ROUND_HALF_UP).normalize()
    power = rounded.adjusted()
    sign = "−" if value < 0 else ""
    if -4 <= power < 6:
        return f"{sign}{rounded:f}"
    mantissa = rounded.scaleb(-power).normalize()
    return f"{sign}{mantissa:f} × 10{str(power).translate(_SUPERSCRIPTS)}"
