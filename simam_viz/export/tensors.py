"""An analysis as arrays: every tensor as NPZ, with words that say what each is."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checkpoints.loading import LoadedCheckpoint
from ..explain.blocks import OWN_LAMBDAS, Analysis
from ..version import VERSION


def every_tensor(analysis: Analysis, loaded: LoadedCheckpoint) -> dict[str, NDArray[Any]]:
    """Every tensor of an analysis by its name; ``explanation`` says in words what each is and gives its shape."""
    arrays = {
        "logits": analysis.logits.numpy(),
        "probabilities": analysis.probabilities.numpy(),
        "view": np.asarray(analysis.view),
    }
    meanings = {
        "logits": "what the network says, (classes)",
        "probabilities": "softmax of the logits, (classes)"
        if len(analysis.logits) > 1
        else "of yes, the sigmoid of the logit, and of no, (2)",
        "view": "the crop that the network saw, RGB, (rows, columns, 3)",
    }
    said = {
        "features": "what enters SimAM, (channels, rows, columns)",
        "energy": "minimal energy e* of every neuron, Eq. 5, (channels, rows, columns)",
        "importance": "1/e*, (channels, rows, columns)",
        "attention": "sigmoid(1/e*), the weight that a neuron is multiplied by, (channels, rows, columns)",
        "refined": "features × attention, Eq. 6, what leaves SimAM, (channels, rows, columns)",
        "cam": "Grad-CAM of the target at the block's output, 0 to 1, (rows, columns)",
    }
    for block in analysis.blocks:
        for name, meaning in said.items():
            key = f"{block.name}.{name}"
            arrays[key] = getattr(block, name).numpy()
            meanings[key] = meaning
    arrays["explanation"] = np.array(_explanation(analysis, loaded, arrays, meanings))
    return arrays


def _explanation(
    analysis: Analysis, loaded: LoadedCheckpoint, arrays: dict[str, NDArray[Any]], meanings: dict[str, str]
) -> str:
    remark = "; ".join(loaded.remarks)
    ran = f"\nOf this network: {remark}; read its attention as hypothetical." if remark else ""
    if not analysis.attends:
        ran = "\nThis network has no SimAM: its energies and weights are hypothetical."
    lines = [f"{name} {arrays[name].shape} {arrays[name].dtype}: {meaning}" for name, meaning in meanings.items()]
    return (
        f"Written by SimAM Viz {VERSION}. {_lambdas(analysis)}; target class: "
        f"{analysis.categories[analysis.target]}.{ran}\n\n" + "\n".join(lines)
    )


def _lambdas(analysis: Analysis) -> str:
    if analysis.e_lambda is not None:
        return analysis.lambda_text
    return f"{OWN_LAMBDAS}: " + ", ".join(f"{block.name} {block.e_lambda:g}" for block in analysis.blocks)


def npz_bytes(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Named arrays as one NPZ file; read it with ``numpy.load``."""
    buffer = io.BytesIO()
    # Not compressed: random-looking floats would shrink by a tenth and take ten times as long.
    np.savez(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()
