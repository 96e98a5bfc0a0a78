"""``analyze`` against the least any way can take, and against the peers that draw Grad-CAM.

Ours and every peer begin with the photo; the floor is a pass each way and not even that.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

import simam_viz
from simam_viz.checkpoints.loading import LoadedCheckpoint
from simam_viz.explain.blocks import Analysis
from simam_viz.explain.variants import MODES, with_attention
from simam_viz.networks.architectures import residual_blocks
from simam_viz.networks.lambdas import set_e_lambda
from simam_viz.networks.shared import shared_copy

from .measure import Budget, Row, interleaved, missing, peer, ratio
from .networks import bundled, photo, untrained

FROZEN = " (parameters frozen)"


def rows(quick: bool) -> list[Row]:
    found = []
    rounds = 5 if quick else 25
    loaded = bundled()
    cases = [(f"bundled {loaded.card.get('arch', 'checkpoint')}", loaded, loaded.transforms.input_size)]
    cases.append(("resnet18", untrained("resnet18"), 224))
    if not quick:
        cases.append(("resnet50", untrained("resnet50"), 224))
    for label, network, size in cases:
        found += against_all(f"{label} at {size}", network, size, rounds)
    return found


def against_all(label: str, loaded: LoadedCheckpoint, size: int, rounds: int) -> list[Row]:
    image = photo()
    model = shared_copy(loaded.model)
    set_e_lambda(model, loaded.e_lambda)
    x = loaded.transforms.tensor(loaded.transforms.view(image, size))[None]
    reference = simam_viz.analyze(loaded, image, input_size=size)
    target = reference.target

    def ours() -> Analysis:
        analysis = simam_viz.analyze(loaded, image, target=target, input_size=size)
        for block in analysis.blocks:
            _ = block.attention, block.cam
        return analysis

    def prepared(requires_grad: bool) -> Tensor:
        return loaded.transforms.tensor(loaded.transforms.view(image, size))[None].requires_grad_(requires_grad)

    candidates: dict[str, Callable[[], object]] = {"ours": ours, "floor": lambda: floor(model, x, target)}
    makers = {"torchcam": torchcam_all, "pytorch-grad-cam": grad_cam_each, "captum": captum_each}
    notes = {}
    # As their users call them: on a model as torchvision makes it, whose weights lie channel after channel and ask for
    # gradients. And once more without.
    frozen = copy.deepcopy(model).to(memory_format=torch.contiguous_format)
    usual = copy.deepcopy(frozen).requires_grad_(True)
    for name, maker in makers.items():
        for title, given in ((name, usual), (name + FROZEN, frozen)):
            call = maker(given, partial(prepared, given is frozen), target)
            if call is not None:
                candidates[title] = call
                notes[title] = agreement(call(), reference)
    lambdas = [loaded.e_lambda * factor for factor in (0.1, 0.5, 1, 2)]
    candidates["batch"] = lambda: simam_viz.analyze_lambdas(loaded, image, lambdas, target, size)
    candidates["one by one"] = lambda: [simam_viz.analyze(loaded, image, e, target, size) for e in lambdas]
    variants = [with_attention(loaded, variant) for variant in MODES]
    candidates["compare"] = lambda: simam_viz.compare(loaded, image, None, target, size)
    candidates["variants"] = lambda: [simam_viz.analyze(variant, image, None, target, size) for variant in variants]
    times = interleaved(candidates, rounds)

    def against(name: str, title: str, *budgets: Budget, faster: bool = False) -> Row:
        if name not in times:
            library = name.removesuffix(FROZEN)
            return missing("analysis", f"{title}, {label}", f"{library} is not installed (requirements-bench.txt)")
        of, to = (name, "ours") if faster else ("ours", name)
        return ratio("analysis", f"{title}, {label}", times, of, to, *budgets, note=notes.get(name, ""))

    blocks = len(reference.blocks)
    found = [against("floor", "analyze : bare forward + backward to the activations", Budget("≤", 1.25))]
    for kind in ("", FROZEN):
        budgets = ((Budget("≥", 10),), (Budget("≤", 1.1),)) if not kind else ((), ())
        found += [
            against(f"pytorch-grad-cam{kind}", f"pytorch-grad-cam on each of {blocks} blocks{kind} : analyze", *budgets[0], faster=True),
            against(f"captum{kind}", f"captum's LayerGradCam on each of {blocks} blocks{kind} : analyze", faster=True),
            against(f"torchcam{kind}", f"analyze : torchcam's GradCAM on all blocks at once{kind}, which gives no attention", *budgets[1]),
        ]  # fmt: skip
    found.append(ratio("analysis", f"analyze_lambdas at 4 λ : analyze at each, {label}", times, "batch", "one by one"))
    found.append(
        ratio("analysis", f"compare on, uniform, off : analyze of each, {label}", times, "compare", "variants")
    )
    return found


def floor(model: nn.Module, x: Tensor, target: int) -> tuple[Tensor, ...]:
    """One forward, and one backward from a logit to every block's output, in our memory format; nothing else, not even a hook."""
    outputs = []
    out = model.maxpool(model.relu(model.bn1(model.conv1(x))))
    for block in residual_blocks(model).values():
        out = block(out)
        if not outputs:
            out.requires_grad_()
        outputs.append(out)
    logits = model.fc(model.avgpool(out).flatten(1))
    return torch.autograd.grad(logits[0, target], outputs)


def torchcam_all(
    model: nn.Module, prepared: Callable[[], Tensor], target: int
) -> Callable[[], list[np.ndarray]] | None:
    methods = peer("torchcam.methods")
    if methods is None:
        return None
    names = list(residual_blocks(model))

    def call() -> list[np.ndarray]:
        x = prepared()
        # A person's call: a fresh extractor for a photo, taken off again.
        with methods.GradCAM(model, target_layer=names) as extractor:
            scores = model(x)
            return [cam[0].detach().numpy() for cam in extractor(target, scores)]

    return call


def grad_cam_each(
    model: nn.Module, prepared: Callable[[], Tensor], target: int
) -> Callable[[], list[np.ndarray]] | None:
    library, targets = peer("pytorch_grad_cam"), peer("pytorch_grad_cam.utils.model_targets")
    if library is None or targets is None:
        return None
    wanted = [targets.ClassifierOutputTarget(target)]

    def call() -> list[np.ndarray]:
        x, maps = prepared(), []
        for block in residual_blocks(model).values():
            with library.GradCAM(model=model, target_layers=[block]) as extractor:
                maps.append(extractor(input_tensor=x, targets=wanted)[0])
        return maps

    return call


def captum_each(model: nn.Module, prepared: Callable[[], Tensor], target: int) -> Callable[[], list[np.ndarray]] | None:
    library = peer("captum.attr")
    if library is None:
        return None

    def call() -> list[np.ndarray]:
        x, maps = prepared(), []
        for block in residual_blocks(model).values():
            cam = library.LayerGradCam(model, block).attribute(x, target=target, relu_attributions=True)
            maps.append(cam[0, 0].detach().numpy())
        return maps

    return call


def agreement(maps: object, reference: Analysis) -> str:
    """How well a peer's maps agree with ours: the least correlation over the blocks, at our maps' resolution."""
    worst = 1.0
    for cam, block in zip(maps, reference.blocks, strict=True):
        theirs = torch.as_tensor(np.array(cam), dtype=torch.float32)[None, None]
        theirs = torch.nn.functional.interpolate(theirs, size=block.cam.shape, mode="area").flatten()
        if float(block.cam.std()) > 0 and float(theirs.std()) > 0:
            worst = min(worst, float(torch.corrcoef(torch.stack([block.cam.flatten(), theirs]))[0, 1]))
    return f"maps agree to r ≥ {worst:.3f}"
