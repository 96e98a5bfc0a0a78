"""An analysis as arrays: every tensor as NPZ, with words that say what each is."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checkpoints.loading import LoadedCheckpoint
from ..explain.blocks import Analysis
from ..photos import squares
from ..version import VERSION
from ..wording import _, enumeration, labelled, semicolon, together


def every_tensor(analysis: Analysis, loaded: LoadedCheckpoint) -> dict[str, NDArray[Any]]:
    """Every tensor of an analysis by its name; ``explanation`` says in words what each is and gives its shape."""
    arrays = {
        "logits": analysis.logits.numpy(),
        **({"probabilities": analysis.probabilities.numpy()} if analysis.output.has_probabilities else {}),
        "view": np.asarray(analysis.view),
    }
    meanings = {
        "logits": _("what the network says, (classes)"),
        "probabilities": _("softmax of the logits, (classes)")
        if len(analysis.logits) > 1 and analysis.output.kind in ("classes", "pixels")
        else _("the sigmoid of each logit, (classes)")
        if len(analysis.logits) > 1
        else _("of yes, the sigmoid of the logit, and of no, (2)"),
        "view": _("the crop that the network saw, RGB, (rows, columns, 3)"),
    }
    if not analysis.output.has_probabilities:
        del meanings["probabilities"]
    said = {
        "features": _("what enters SimAM, (channels, rows, columns)"),
        "energy": _("minimal energy e* of every neuron, Eq. 5, (channels, rows, columns)"),
        "importance": _("1/e*, (channels, rows, columns)"),
        "attention": _("sigmoid(1/e*), the weight that a neuron is multiplied by, (channels, rows, columns)"),
        "refined": _("features × attention, Eq. 6, what leaves SimAM, (channels, rows, columns)"),
        "cam": _("Grad-CAM of the target at the block's output, 0 to 1, (rows, columns)"),
    }
    others = {
        "features": _("what enters the attention, (channels, rows, columns)"),
        "attention": _("the weight that a neuron is multiplied by, (channels, rows, columns)"),
        "refined": _("features × attention, what leaves it, (channels, rows, columns)"),
    }
    for block in analysis.blocks:
        of_simam = ("energy", "importance")
        for name, meaning in said.items():
            if block.kind != "simam" and name in of_simam:
                continue
            if block.kind != "simam":
                meaning = others.get(name, meaning)
            key = f"{block.name}.{name}"
            arrays[key] = getattr(block, name).numpy()
            meanings[key] = meaning
    arrays["explanation"] = np.array(_explanation(analysis, loaded, arrays, meanings))
    return arrays


def _explanation(
    analysis: Analysis, loaded: LoadedCheckpoint, arrays: dict[str, NDArray[Any]], meanings: dict[str, str]
) -> str:
    target, remark = analysis.categories[analysis.target], semicolon().join(loaded.remarks)
    if analysis.e_lambda is not None:
        settings = _("λ = {e_lambda:g}; target class: {target}.", e_lambda=analysis.e_lambda, target=target)
    else:
        lambdas = enumeration(
            f"{block.name} {block.e_lambda:g}" for block in analysis.blocks if block.e_lambda is not None
        )
        settings = _("each block's own λ: {lambdas}; target class: {target}.", lambdas=lambdas, target=target)
    head = [together(_("Written by SimAM Viz {version}.", version=VERSION), settings)]
    if analysis.square is not None:
        told = squares.text(analysis.square)
        head.append(_("The network saw this square of the photo (left,top,side in its pixels): {square}.", square=told))
    if not analysis.attends:
        head.append(_("This network has no SimAM: its energies and weights are hypothetical."))
    elif remark:
        head.append(_("Of this network: {remark}; read its attention as hypothetical.", remark=remark))
    lines = [
        labelled(f"{name} {arrays[name].shape} {arrays[name].dtype}", meaning) for name, meaning in meanings.items()
    ]
    return "\n".join([*head, "", *lines])


def npz_bytes(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Named arrays as one NPZ file; read it with ``numpy.load``."""
    buffer = io.BytesIO()
    # Not compressed: random-looking floats would shrink by a tenth and take ten times as long.
    np.savez(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()
