"""Learning curves as CSV and PNG."""

from __future__ import annotations

import csv
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from matplotlib.figure import Figure

from ..draw.figures import with_han
from ..wording import _
from ..writing import written_whole


@dataclass(frozen=True)
class Epoch:
    """What one epoch came to. Accuracies are those of the averaged weights on the held-out images, in percent."""

    epoch: int
    px: int
    seconds: float
    """Training time since the run's beginning, over all its sessions."""
    train_loss: float
    top1: float
    top5: float


def write_csv(epochs: list[Epoch], file: Path) -> None:
    """A row an epoch, under the names of :class:`Epoch`."""
    with written_whole(file) as unfinished, unfinished.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, [field.name for field in fields(Epoch)])
        writer.writeheader()
        writer.writerows({name: round(value, 4) for name, value in asdict(epoch).items()} for epoch in epochs)


def write_png(epochs: list[Epoch], title: str, file: Path) -> None:
    """Accuracy and loss over the epochs, with a line where the image size changes."""
    figure = Figure(figsize=(9, 4), layout="constrained")
    accuracy, loss = figure.subplots(1, 2)
    numbers = [epoch.epoch for epoch in epochs]
    accuracy.plot(numbers, [epoch.top1 for epoch in epochs], marker=".", label=_("top-1"))
    accuracy.plot(numbers, [epoch.top5 for epoch in epochs], marker=".", label=_("top-5"))
    accuracy.set(xlabel=_("epoch"), ylabel=_("accuracy on held-out images (%)"), ylim=(0, 100))
    accuracy.legend()
    loss.plot(numbers, [epoch.train_loss for epoch in epochs], marker=".", color="tab:green")
    loss.set(xlabel=_("epoch"), ylabel=_("training loss"))
    previous_px = None
    for epoch in epochs:
        if epoch.px != previous_px:
            for axes in (accuracy, loss):
                axes.axvline(epoch.epoch - 0.5, color="lightgrey", zorder=0)
            loss.text(epoch.epoch - 0.4, 0.98, f"{epoch.px} px", transform=loss.get_xaxis_transform(), va="top")
        previous_px = epoch.px
    figure.suptitle(title)
    with_han(figure)
    with written_whole(file) as unfinished:
        figure.savefig(unfinished, format="png", dpi=120)
