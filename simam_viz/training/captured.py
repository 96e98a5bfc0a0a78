"""A training step as one CUDA graph: on a fast GPU, small networks otherwise wait for Python between their kernels."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

_EAGER_STEPS = 3
"""As many as PyTorch wants to see before a capture: they choose algorithms and fill caches."""

Work = Callable[..., Tensor]
"""(px, tensors…) → the loss; leaves gradients in the weights."""


class Captured:
    """``work`` of unchanging shapes, captured when it has run a few times at an image size; each run is a real step.

    The gradients and the loss that it leaves lie at the same addresses until the image size changes.

    Args:
        work: a forward and a backward pass that sets the gradients anew and never waits for the device.
    """

    def __init__(self, work: Work) -> None:
        self._work = work
        self._stream = torch.cuda.Stream()
        self._px, self._runs = 0, 0
        self._graph: torch.cuda.CUDAGraph | None = None
        self._inputs: tuple[Tensor, ...] = ()
        self._loss = torch.empty(0)

    def __call__(self, px: int, *inputs: Tensor) -> Tensor:
        """What ``work`` gives for images of ``px`` pixels; the inputs are on the device."""
        if px != self._px:
            self._px, self._runs, self._graph = px, 0, None
        self._runs += 1
        self._stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self._stream):
            if self._runs <= _EAGER_STEPS:
                self._loss = self._work(px, *inputs)
            else:
                if self._graph is None:
                    self._capture(px, inputs)
                torch._foreach_copy_(list(self._inputs), list(inputs))
                assert self._graph is not None
                self._graph.replay()
        torch.cuda.current_stream().wait_stream(self._stream)
        return self._loss.clone()

    def _capture(self, px: int, inputs: tuple[Tensor, ...]) -> None:
        self._inputs = tuple(tensor.clone() for tensor in inputs)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph, stream=self._stream):
            self._loss = self._work(px, *self._inputs)
