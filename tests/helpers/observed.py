"""What attention does in a network, by hooks of the tests' own."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from simam_viz import Analysis


def uses(model: nn.Module, names: Iterable[str], x: Tensor) -> tuple[list[tuple[str, Tensor, Tensor]], Any]:
    """What enters and leaves modules, each time that they run, (C, …); and the network's answer."""
    kept: list[tuple[str, Tensor, Tensor]] = []
    handles = []
    for name in names:
        entered: list[Tensor] = []

        def enter(module: nn.Module, inputs: Any, named: Any, entered: list[Tensor] = entered) -> None:
            entered.append([*inputs, *named.values()][0].detach().clone())

        def leave(m: nn.Module, i: Any, output: Tensor, name: str = name, entered: list[Tensor] = entered) -> None:
            kept.append((name, entered.pop()[0], output[0].detach().clone()))

        module = model.get_submodule(name)
        handles += [
            module.register_forward_pre_hook(enter, with_kwargs=True),
            module.register_forward_hook(leave),
        ]
    with torch.no_grad():
        answer = model.eval()(x.clone())
    for handle in handles:
        handle.remove()
    return kept, answer


def check_blocks(analysis: Analysis, model: nn.Module, names: Iterable[str], x: Tensor, rtol: float = 1e-4) -> Any:
    """Every block has what entered a module and left it, each time that it ran, in this order; returns the answer."""
    kept, answer = uses(model, names, x)
    assert len(analysis.blocks) == len(kept) > 0 and analysis.attends
    for block, (name, entered, left) in zip(analysis.blocks, kept, strict=True):
        assert not block.hypothetical, name
        for ours, theirs in ((block.features, entered), (block.refined, left)):
            theirs = theirs.float() if theirs.dtype in (torch.float16, torch.bfloat16) else theirs
            torch.testing.assert_close(ours, theirs, rtol=rtol, atol=rtol * float(theirs.abs().max()))
        torch.testing.assert_close(block.features * block.attention, block.refined)
    return answer
