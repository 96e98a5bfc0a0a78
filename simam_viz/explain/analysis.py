"""One image through one network: the 3-D attention of every block and its heat maps, in one pass each way."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from ..checkpoints.loading import LoadedCheckpoint
from ..modules import formulas
from ..modules.simam import EachSimAM, SimAM
from ..networks import answers
from ..networks.architectures import SIMAM_BLOCKS, is_ours
from ..networks.lambdas import common_e_lambda, set_e_lambda
from ..networks.shared import own_buffers, shared_copy, weights_memory
from ..photos.images import ImageSource, check_input_size
from ..wording import _
from .blocks import Analysis, Block
from .recording import Recording, Use, distinct_uses


def analyze(
    loaded: LoadedCheckpoint,
    image: ImageSource,
    e_lambda: float | None = None,
    target: int | None = None,
    input_size: int | None = None,
    against: int | None = None,
) -> Analysis:
    """Run ``image`` through ``loaded.model`` once forward and once backward, and keep what every block did.

    The model is not changed and no lock is held: hooks and λ live on a copy of its module tree that shares its weights,
    so several threads may analyse with one model at once.

    Args:
        loaded: from :func:`simam_viz.load_checkpoint`.
        image: an image of any size, of which the network sees the centre square: whatever :func:`simam_viz.open_image`
            takes (a path, a file's bytes, a PIL image of any mode, an array), read by it.
        e_lambda: λ of every SimAM module; ``None`` leaves each its own.
        target: index of the class that heat maps explain; ``None`` is the predicted class. Of one output, 0 is yes and 1
            is no, whose heat map explains −logit.
        input_size: side of the network's input in pixels; ``None`` is the checkpoint's own.
        against: index of a class to contrast the target with: what is explained is then logit[target] − logit[against].

    Raises:
        ValueError: λ is not one that SimAM takes, a class does not exist, both are the same or the two answers of one output
            (each is the other's opposite already), the input is smaller than 32 or larger than 4,096 pixels, the image cannot
            be read (:class:`simam_viz.ImageError`), or no SimAM took part.
        TypeError: a class is not a whole number, or the image is of no such type.
    """
    return analyze_lambdas(loaded, image, [e_lambda], target, input_size, against)[0]


def analyze_lambdas(
    loaded: LoadedCheckpoint,
    image: ImageSource,
    e_lambdas: Sequence[float | None],
    target: int | None = None,
    input_size: int | None = None,
    against: int | None = None,
) -> list[Analysis]:
    """:func:`analyze` at several λ with one pass each way, as a batch: quicker than one by one, in as much more memory.

    Arguments and errors as there. Without a target, each analysis explains the class predicted at its own λ.
    """
    return analyze_together([(loaded, e_lambda) for e_lambda in e_lambdas], image, target, input_size, against)


def analyze_together(
    networks: Sequence[tuple[LoadedCheckpoint, float | None]],
    image: ImageSource,
    target: int | None = None,
    input_size: int | None = None,
    against: int | None = None,
    *,
    one_target: bool = False,
) -> list[Analysis]:
    """:func:`analyze` one image under several attentions with one pass each way, as a batch.

    Arguments and errors as there, and:

    Args:
        networks: networks with the λ of each. They share all their weights, in the same memory, and may differ in what
            stands in the place of SimAM (see :func:`simam_viz.explain.variants.with_attention`).
        one_target: without a target, all explain the class that the first predicts, and not each its own.

    Raises:
        ValueError: the networks do not share their weights; they must be analysed one by one.
    """
    for asked in (e_lambda for _network, e_lambda in networks if e_lambda is not None):
        formulas.check_e_lambda(asked)
    if not networks:
        return []
    _check_shared([network.model for network, _e_lambda in networks])
    if input_size is not None:
        check_input_size(input_size)
    transforms = networks[0][0].transforms
    view = transforms.view(image, input_size)
    target, against = (None if index is None else operator.index(index) for index in (target, against))
    # Plain tensors, with gradients, whatever mode whoever calls this is in.
    with torch.inference_mode(False), torch.enable_grad():
        logits, uses = _forward(networks, transforms.tensor(view)[None])
        scores = answers.scores(logits)
        targets = _targets(scores, target, against, one_target)
        if against is not None and logits.shape[1] == 1:
            raise ValueError(_("With one output, yes is the opposite of no already: there is nothing to contrast."))
        explained = scores[range(len(targets)), targets]
        if against is not None:
            explained = explained - scores[:, against]
        if not explained.requires_grad:
            raise ValueError(
                _(
                    "No heat map can be made: this network's answer does not depend on what SimAM gives, or its forward pass "
                    "switches gradients off."
                )
            )
        # No image of the batch has any part in another's logits: the sum's gradients are each image's own.
        gradients = torch.autograd.grad(explained.sum(), [use.output for use in uses], materialize_grads=True)
    names = distinct_uses([use.name for use in uses])
    analyses = []
    for i, (network, e_lambda) in enumerate(networks):
        blocks = tuple(
            Block(name, use.features[i].detach(), use.output[i].detach(), gradient[i], use.simams[i])
            for name, use, gradient in zip(names, uses, gradients, strict=True)
        )
        at = common_e_lambda(block.e_lambda for block in blocks) if e_lambda is None else float(e_lambda)
        attends = any(isinstance(module, SimAM) for module in network.model.modules())
        analyses.append(
            Analysis(view, logits[i].detach(), targets[i], at, attends, network.categories, blocks, against)
        )
    return analyses


def _forward(networks: Sequence[tuple[LoadedCheckpoint, float | None]], x: Tensor) -> tuple[Tensor, list[Use]]:
    """The logits (N, K) of one input (1, 3, S, S) under N attentions, and every use of SimAM on the way to them."""
    explained_alone: set[str] = set()
    while True:
        model = _one_model(networks)
        with Recording(model, networks, explained_alone) as record:
            logits = model(x if _parts_at_simam(model) else x.expand(len(networks), -1, -1, -1))
        # What a module does twice within a block is known only when it has done it.
        if record.several <= explained_alone:
            break
        explained_alone |= record.several
    if not record.uses:
        raise ValueError(
            _("None of this network's SimAM modules took part in its answer, so there is nothing to show.")
        )
    return logits, record.uses


def _parts_at_simam(model: nn.Module) -> bool:
    """Whether the images of a batch may go as one until :class:`EachSimAM` parts them: what lies before is computed once.

    Its output then meets a single image where the block ends, in a sum that must not be taken in place.
    """
    around = [
        model.get_submodule(name.rpartition(".")[0])
        for name, module in model.named_modules(remove_duplicate=False)
        if isinstance(module, EachSimAM)
    ]
    return is_ours(model) and bool(around) and all(isinstance(block, SIMAM_BLOCKS) for block in around)


def _targets(scores: Tensor, target: int | None, against: int | None, one_target: bool) -> list[int]:
    """The class that each image of a batch explains, from scores (N, K)."""
    classes = scores.shape[1]
    for index in (target, against):
        if index is not None and not 0 <= index < classes:
            raise ValueError(
                _("There is no class {index}; this network knows classes 0 to {last}.", index=index, last=classes - 1)
            )
    targets: list[int] = scores.argmax(dim=1).tolist()
    if target is not None or one_target:
        targets = [targets[0] if target is None else target] * len(targets)
    if against in targets:
        raise ValueError(_("Class {index} cannot be contrasted with itself; choose another class.", index=against))
    return targets


def _check_shared(models: Sequence[nn.Module]) -> None:
    """``ValueError`` unless the models are one, but for what stands in the place of SimAM in any of them."""
    first, *others = dict.fromkeys(models)
    if not others:
        return
    places = _places([first, *others])
    expected = weights_memory(first, places)
    if any(weights_memory(other, places) != expected for other in others):
        raise ValueError(
            _(
                "These networks do not share their weights, or differ in more than their attention: analyse them one by one."
            )
        )


def _places(models: Iterable[nn.Module]) -> list[str]:
    """The names of all places where any of the models has SimAM; one module may stand in several."""
    names = (
        name for model in models for name, m in model.named_modules(remove_duplicate=False) if isinstance(m, SimAM)
    )
    return list(dict.fromkeys(names))


def _one_model(networks: Sequence[tuple[LoadedCheckpoint, float | None]]) -> nn.Module:
    """A private copy of what the networks share, with the attention of each, at its λ, for each image of a batch."""
    models, e_lambdas = [network.model for network, _own in networks], [e_lambda for _network, e_lambda in networks]
    whole = shared_copy(models[0])
    own_buffers(whole)
    if len(models) == 1:
        set_e_lambda(whole, e_lambdas[0])
        return whole
    made: dict[tuple[nn.Module, ...], EachSimAM] = {}
    for place in _places(dict.fromkeys(models)):
        there = tuple(model.get_submodule(place) for model in models)
        if there not in made:
            each = [shared_copy(module) for module in there]
            for one, e_lambda in zip(each, e_lambdas, strict=True):
                set_e_lambda(one, e_lambda)
            made[there] = EachSimAM(each)
        whole.set_submodule(place, made[there])
    return whole
