"""λ of all SimAM modules of a network."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from torch import nn

from ..modules.formulas import check_e_lambda
from ..modules.simam import SimAM


@dataclass(frozen=True)
class Times:
    """Every SimAM module's own λ, multiplied by the same factor > 0."""

    factor: float

    def __post_init__(self) -> None:
        check_e_lambda(self.factor)


def check_asked(e_lambda: float | Times | None) -> None:
    """``ValueError`` for a λ that is asked for and that :func:`simam_viz.modules.formulas.check_e_lambda` does not take."""
    if e_lambda is not None and not isinstance(e_lambda, Times):
        check_e_lambda(e_lambda)


def at_lambda(own: float, asked: float | Times | None) -> float:
    """The λ of a module whose own is ``own``, where this is asked of all."""
    return own if asked is None else own * asked.factor if isinstance(asked, Times) else asked


def set_e_lambda(model: nn.Module, e_lambda: float | Times | None) -> None:
    """Give every SimAM module of ``model`` this λ, or its own multiplied; ``None`` leaves each its own.

    Raises:
        ValueError: λ is not one that :func:`simam_viz.modules.formulas.check_e_lambda` takes.
    """
    check_asked(e_lambda)
    if e_lambda is None:
        return
    for module in model.modules():
        if isinstance(module, SimAM):
            module.e_lambda = check_e_lambda(at_lambda(module.e_lambda, e_lambda))


def common_e_lambda(e_lambdas: Iterable[float | None]) -> float | None:
    """The λ that all of these are; ``None`` where they differ, or where there is none."""
    different = {e_lambda for e_lambda in e_lambdas if e_lambda is not None}
    return different.pop() if len(different) == 1 else None


def own_e_lambda(model: nn.Module) -> float | None:
    """The λ that all SimAM modules of ``model`` have; ``None`` where they keep different ones, or where there is none."""
    return common_e_lambda(module.e_lambda for module in model.modules() if isinstance(module, SimAM))
