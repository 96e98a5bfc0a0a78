"""How far a run is, how fast it goes, and how long it will take."""

from __future__ import annotations

from dataclasses import dataclass

from .run import Run


@dataclass(frozen=True)
class Progress:
    """Where a run is, for whoever shows it."""

    epoch: int
    epochs: int
    px: int
    step: int
    steps: int
    loss: float
    images_per_second: float
    seconds_left: float


class Pace:
    """How fast this session goes, in steps of images of any size, by :func:`_cost`."""

    def __init__(self) -> None:
        self.seconds_a_unit = 0.0

    def progress(self, run: Run, loss: float, seconds: float) -> Progress:
        """``run`` after a step that took so many ``seconds`` and had this ``loss``."""
        recipe = run.recipe
        epoch, position = divmod(run.step - 1, run.steps_an_epoch)
        px = recipe.px(epoch)
        latest = seconds / _cost(px)
        self.seconds_a_unit = 0.95 * self.seconds_a_unit + 0.05 * latest if self.seconds_a_unit else latest
        epochs_left = sum(_cost(recipe.px(number)) for number in range(epoch + 1, recipe.epochs))
        units_left = epochs_left * run.steps_an_epoch + _cost(px) * (run.steps_an_epoch - position - 1)
        return Progress(
            epoch=epoch + 1,
            epochs=recipe.epochs,
            px=px,
            step=position + 1,
            steps=run.steps_an_epoch,
            loss=loss,
            images_per_second=recipe.batch_size / (self.seconds_a_unit * _cost(px)),
            seconds_left=self.seconds_a_unit * units_left,
        )


def _cost(px: int) -> int:
    """What a step at ``px`` costs beside other sizes: its pixels, and a share that is the same at every size.

    Fitted to measured rates, on two cores with bfloat16, of 230, 165, 110 and 70 images/s at 64, 96, 128 and 160 px.
    """
    return px**2 + 5000
