"""λ of all SimAM modules of a network."""

from __future__ import annotations

from collections.abc import Iterable

from torch import nn

from ..modules.formulas import check_e_lambda
from ..modules.simam import SimAM


def set_e_lambda(model: nn.Module, e_lambda: float | None) -> None:
    """Give every SimAM module of ``model`` this λ; ``None`` leaves each its own.

    Raises:
        ValueError: λ is not one that :func:`simam_viz.modules.formulas.check_e_lambda` takes.
    """
    if e_lambda is None:
        return
    e_lambda = check_e_lambda(e_lambda)
    for module in model.modules():
        if isinstance(module, SimAM):
            module.e_lambda = e_lambda


def common_e_lambda(e_lambdas: Iterable[float]) -> float | None:
    """The λ that all of these are; ``None`` where they differ, or where there is none."""
    different = set(e_lambdas)
    return different.pop() if len(different) == 1 else None


def own_e_lambda(model: nn.Module) -> float | None:
    """The λ that all SimAM modules of ``model`` have; ``None`` where they keep different ones, or where there is none."""
    return common_e_lambda(module.e_lambda for module in model.modules() if isinstance(module, SimAM))
