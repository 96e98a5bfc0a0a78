"""A run's losses, rates and accuracies as TensorBoard reads them."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import TracebackType

from ..wording import _
from .run import Run

_TOLD_AN_EPOCH = 100
"""Steps of an epoch whose loss is told, at most."""


def check_tensorboard() -> None:
    """``ValueError`` where the package that writes them is not installed."""
    if importlib.util.find_spec("tensorboard") is None:
        raise ValueError(
            _("tensorboard is not installed: pip install tensorboard brings it, or leave out --tensorboard.")
        )


class Events:
    """A log in ``folder`` of a run that goes on after ``step`` steps: what an earlier session told beyond them is void."""

    def __init__(self, folder: Path, step: int) -> None:
        check_tensorboard()
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(str(folder), purge_step=step + 1)

    def __enter__(self) -> Events:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._writer.close()

    def tell_step(self, run: Run, loss: float) -> None:
        """The loss and the rate of the step that was just taken."""
        if run.step % max(run.steps_an_epoch // _TOLD_AN_EPOCH, 1) == 0:
            self._writer.add_scalar("training/loss", loss, run.step)
            self._writer.add_scalar("training/rate", run.recipe.learning_rate(run.step - 1, run.steps), run.step)

    def tell_all(self, run: Run, at_end: bool) -> None:
        """All that was told so far on disk; and ``at_end`` of an epoch what it came to."""
        if at_end:
            row = run.epochs[-1]
            self._writer.add_scalar("held-out/top-1", row.top1, run.step)
            self._writer.add_scalar("held-out/top-5", row.top5, run.step)
            self._writer.add_scalar("training/image size", row.px, run.step)
        self._writer.flush()
