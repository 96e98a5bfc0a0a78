"""What every group of measurements shares: interleaved timing, rows, and the budget that each row is held against."""

from __future__ import annotations

import importlib
import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from types import ModuleType
from typing import Any

import torch

Times = dict[str, list[float]]
"""Seconds of one call, by candidate; the n-th of every candidate were taken right after one another."""


@dataclass(frozen=True)
class Budget:
    """A bound that the row's figure must keep: of its ``"median"`` or its ``"high"`` end (95th percentile)."""

    sign: str
    bound: float
    of: str = "median"

    def met(self, row: Row) -> bool:
        value = getattr(row, self.of)
        return value is not None and (value <= self.bound if self.sign == "≤" else value >= self.bound)


@dataclass(frozen=True)
class Row:
    """One line of the table.

    ``low`` and ``high`` are quartiles where ``spread`` says so, or the least value and the 95th percentile. A row without
    ``median`` could not be measured, and ``note`` says why.
    """

    group: str
    name: str
    median: float | None
    unit: str
    low: float | None = None
    high: float | None = None
    spread: str = ""
    budgets: tuple[Budget, ...] = ()
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether every budget is kept; ``None`` where there is none or nothing was measured."""
        return all(budget.met(self) for budget in self.budgets) if self.budgets and self.median is not None else None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self) | {"met": self.met}


class Pace:
    """Whether the machine is as fast as it was at its best, by a fixed piece of work that is part of no figure.

    Other programs, or other guests of the same host, may slow it for a minute. A round that they fell into is taken
    again, whatever it said: what is left is the machine alone.
    """

    SLOWED = 1.3
    """How many times its best time the fixed work may take."""

    def __init__(self, patience: float = 0) -> None:
        self.patience = patience
        """Seconds that may still be waited for the machine to recover; with none left, every round counts."""
        self.waited = 0.0
        self._map = torch.rand(64, 56, 56)
        self._best = math.inf

    def as_ever(self) -> bool:
        """Whether the machine is as fast now as it ever was."""
        if self.patience <= 0:
            return True
        # The least of a few: one alone may have been interrupted.
        now = min(self._seconds() for _ in range(3))
        self._best = min(self._best, now)
        return now <= self.SLOWED * self._best

    def wait(self) -> None:
        """Return once it is, or once patience has run out."""
        while not self.as_ever():
            start = time.perf_counter()
            time.sleep(0.2)
            self.lose(time.perf_counter() - start)

    def lose(self, seconds: float) -> None:
        """Count time that gave no figure."""
        self.waited += seconds
        self.patience -= seconds

    def _seconds(self) -> float:
        start = time.perf_counter()
        for _ in range(8):
            self._map.mul_(0.5).add_(0.25).sigmoid_()
        return time.perf_counter() - start


PACE = Pace()


def interleaved(candidates: dict[str, Callable[[], object]], rounds: int, least_seconds: float = 0.002) -> Times:
    """Time every candidate ``rounds`` times, in turn and in alternating order, so that all see the same machine.

    Each is called twice beforehand (once if it is slow), and so many times a turn that a turn takes ``least_seconds``.
    A round that began or ended on a machine that something else had slowed is taken again; see :class:`Pace`.
    """
    calls = {}
    for name, call in candidates.items():
        for _ in range(2):
            start = time.perf_counter()
            call()
            seconds = time.perf_counter() - start
            if seconds > 1:
                break
        calls[name] = max(1, math.ceil(least_seconds / max(seconds, 1e-9)))
    times: Times = {name: [] for name in candidates}
    while len(next(iter(times.values()))) < rounds:
        PACE.wait()
        begun = time.perf_counter()
        order = list(candidates) if len(next(iter(times.values()))) % 2 == 0 else list(reversed(candidates))
        seconds_of = {}
        for name in order:
            start = time.perf_counter()
            for _ in range(calls[name]):
                candidates[name]()
            seconds_of[name] = (time.perf_counter() - start) / calls[name]
        if not PACE.as_ever():
            PACE.lose(time.perf_counter() - begun)
            continue
        for name, seconds in seconds_of.items():
            times[name].append(seconds)
    return times


def ratio(
    group: str, name: str, times: Times, of: str, to: str, *budgets: Budget, note: str = "", unit: str = "×"
) -> Row:
    """A row: the time of one candidate over another's, as the median and quartiles of the rounds' ratios."""
    ratios = [a / b for a, b in zip(times[of], times[to], strict=True)]
    low, median, high = quartiles(ratios)
    seconds = f"{span(statistics.median(times[of]))} : {span(statistics.median(times[to]))}"
    return Row(group, name, median, unit, low, high, "quartiles", budgets, f"{seconds}{'; ' if note else ''}{note}")


def durations(group: str, name: str, seconds: Sequence[float], *budgets: Budget, note: str = "") -> Row:
    """A row: seconds as their median, least and 95th percentile."""
    ordered = sorted(seconds)
    late = ordered[min(len(ordered) - 1, math.ceil(0.95 * len(ordered)) - 1)]
    return Row(
        group, name, statistics.median(ordered), "s", ordered[0], late, f"least, p95 of {len(ordered)}", budgets, note
    )


def missing(group: str, name: str, why: str) -> Row:
    """A row that could not be measured."""
    return Row(group, name, None, "", note=why)


def quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    """Lower quartile, median, upper quartile."""
    if len(values) == 1:
        return values[0], values[0], values[0]
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, median, high


def peer(module: str) -> ModuleType | None:
    """A peer's module if it is installed: peers are optional (requirements-bench.txt)."""
    try:
        return importlib.import_module(module)
    except ImportError:
        return None


def span(seconds: float) -> str:
    """A time in the unit that suits it."""
    return (
        f"{seconds * 1e6:.0f} µs"
        if seconds < 1e-3
        else f"{seconds * 1e3:.3g} ms"
        if seconds < 1
        else f"{seconds:.3g} s"
    )
