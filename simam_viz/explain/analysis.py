"""One image through one network: the attention of every block and its heat maps, in one pass each way."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from torch import Tensor

from ..checkpoints.loaded import LoadedCheckpoint
from ..networks.answers import Question
from ..networks.boxes import nearest
from ..networks.lambdas import Times, check_asked
from ..networks.shared import out_of_memory, private_copy
from ..photos.squares import Square
from ..wording import _, later
from .batching import check_shared, one_model, parts_at_simam
from .blocks import Analysis, Block, Box, told_lambda
from .inputs import Given, Input, prepared
from .recording import Recording, Run, Use, distinct_uses

Region = Tensor | tuple[int, int] | Literal["predicted"]
"""A mask (H, W) over the view, true where it counts; the row and column of one of its pixels; or where a class is predicted."""
Place = tuple[float, float, float, float]
"""Left, top, right, bottom in pixels of the view."""


def analyze(
    loaded: LoadedCheckpoint,
    image: Given,
    e_lambda: float | Times | None = None,
    target: int | None = None,
    input_size: int | None = None,
    against: int | None = None,
    *,
    region: Region | None = None,
    box: int | Place | None = None,
    reference: Given | None = None,
    square: Square | None = None,
) -> Analysis:
    """Run ``image`` through ``loaded.model`` once forward and once backward, and keep what every block did.

    The model is not changed and no lock is held: hooks and λ live on a copy of its module tree that shares its weights,
    so several threads may analyse with one model at once.

    Args:
        loaded: from :func:`simam_viz.load_checkpoint` or :func:`simam_viz.wrap`.
        image: an image of any size, of which the network sees the centre square (detectors: the whole of it): whatever
            :func:`simam_viz.open_image` takes (a path, a file's bytes, a PIL image of any mode, an array), read by it; or a
            tensor (1, C, H, W), which is the network's input as it is.
        e_lambda: λ of every SimAM module; :class:`simam_viz.Times` multiplies each its own, and ``None`` leaves it.
        target: index of the class that heat maps explain; ``None`` is the predicted class. Of one output, 0 is yes and 1
            is no, whose heat map explains −logit.
        input_size: side of the network's input in pixels; ``None`` is the checkpoint's own.
        against: index of a class to contrast the target with: what is explained is then logit[target] − logit[against].
        region: of a network that answers for every pixel: a mask (H, W) over what it sees, or the row and column of one
            pixel, or ``"predicted"``, wherever the class is the predicted one; ``None`` is the mean over all positions.
        box: of a detector: which of ``analysis.boxes`` is explained, by its number, or the one that overlaps most with left,
            top, right, bottom; ``None`` is the best box of the target.
        reference: of an embedding: the photo whose similarity is explained.
        square: the part of the photo that the network sees, as (left, top, side) in the photo's pixels, which may reach beyond
            it, into its mean colour; ``"whole"`` is all of the photo, and ``None`` its middle.

    Raises:
        ValueError: λ is not one that SimAM takes, a class does not exist, both are the same or the two answers of one output
            (each is the other's opposite already), the input is smaller than 32 or larger than 4,096 pixels, the image cannot
            be read, or nothing of it lies in the square (:class:`simam_viz.ImageError`), no square can be chosen for the
            network, no attention took part, or the network does not answer what is asked.
        TypeError: a class is not a whole number, or the image is of no such type.
    """
    if isinstance(box, int):
        found = analyze(loaded, image, e_lambda, input_size=input_size, square=square)
        if not 0 <= box < len(found.boxes):
            raise ValueError(
                _("There is no box {index}; this network found {count} here.", index=box, count=len(found.boxes))
            )
        target, box = found.boxes[box].label, found.boxes[box].place
    runs = [(loaded, e_lambda)]
    return analyze_together(
        runs, image, target, input_size, against, region=region, box=box, reference=reference, square=square
    )[0]


def top_answers(
    loaded: LoadedCheckpoint, image: Given, e_lambda: float | Times | None, input_size: int, count: int
) -> list[tuple[int, str, float]]:
    """:func:`analyze`'s ``count`` most probable classes alone, which are quickly sent from another process."""
    return analyze(loaded, image, e_lambda, None, input_size).top(count)


def analyze_lambdas(
    loaded: LoadedCheckpoint,
    image: Given,
    e_lambdas: Sequence[float | Times | None],
    target: int | None = None,
    input_size: int | None = None,
    against: int | None = None,
    *,
    region: Region | None = None,
    box: Place | None = None,
    reference: Given | None = None,
    square: Square | None = None,
    heat_maps: bool = True,
) -> list[Analysis]:
    """:func:`analyze` at several λ with one pass each way, as a batch: quicker than one by one, in as much more memory.

    Arguments and errors as there, ``heat_maps`` as of :func:`analyze_together`. Without a target, each analysis explains the
    class predicted at its own λ.
    """
    asked: dict[str, Any] = {"region": region, "box": box, "reference": reference, "square": square}
    runs = [(loaded, e_lambda) for e_lambda in e_lambdas]
    return analyze_together(runs, image, target, input_size, against, **asked, heat_maps=heat_maps)


def analyze_together(
    networks: Sequence[Run],
    image: Given,
    target: int | None = None,
    input_size: int | None = None,
    against: int | None = None,
    *,
    one_target: bool = False,
    region: Region | None = None,
    box: Place | None = None,
    reference: Given | None = None,
    square: Square | None = None,
    heat_maps: bool = True,
) -> list[Analysis]:
    """:func:`analyze` one image under several attentions with one pass each way, as a batch.

    Arguments and errors as there, and:

    Args:
        networks: networks with the λ of each. They share all their weights, in the same memory, and may differ in what
            stands in the place of attention (see :func:`simam_viz.explain.variants.with_attention`).
        one_target: without a target, all explain the class that the first predicts, and not each its own.
        heat_maps: ``False`` where only attention and answers are wanted: then there is no pass backward, which takes as long
            as that forward, and whoever asks for a heat map of these analyses gets a ``ValueError``.

    Raises:
        ValueError: the networks do not share their weights; they must be analysed one by one.
    """
    for _network, asked in networks:
        check_asked(asked)
    if not networks:
        return []
    check_shared([network.model for network, _e_lambda in networks])
    first = networks[0][0]
    given = prepared(first.transforms, image, input_size, square)
    target, against = (None if index is None else operator.index(index) for index in (target, against))
    if against is not None and not first.output.has_probabilities:
        raise ValueError(_("Only classes can be contrasted, and this network answers with none."))
    question = Question(region, box, _embedding(first, reference, input_size), (given.view.height, given.view.width))
    return _analyse(networks, given, _Asked(target, against, one_target, question, heat_maps))


@dataclass(frozen=True)
class _Asked:
    """What is to be explained."""

    target: int | None
    against: int | None
    one_target: bool
    question: Question
    heat_maps: bool


def _analyse(networks: Sequence[Run], given: Input, asked: _Asked) -> list[Analysis]:
    """A batch in one pass each way; where memory runs out, in two halves, and those say so."""
    if _lambda_only_told(networks):
        first = _one_batch([(networks[0][0], None)], given, asked)[0]
        return [first.told_at(e_lambda) for _network, e_lambda in networks]
    try:
        return _one_batch(networks, given, asked)
    except RuntimeError as error:
        if len(networks) == 1 or not out_of_memory(error):
            raise
    # Here, the error has let go of the graph that filled the memory.
    half = len(networks) // 2
    found = _analyse(networks[:half], given, asked)
    rest = replace(asked, target=found[0].target) if asked.one_target and asked.target is None else asked
    found += _analyse(networks[half:], given, rest)
    notice = later("There was not enough memory for all at once, so they were computed in smaller batches.")
    return [replace(analysis, notices=(notice,)) for analysis in found]


def _lambda_only_told(networks: Sequence[Run]) -> bool:
    """Whether λ changes no pass of these: one network without SimAM, of which is told what SimAM would do."""
    alone = networks[0][0]
    return len(networks) > 1 and not alone.has_simam and all(network is alone for network, _e_lambda in networks)


def _one_batch(networks: Sequence[Run], given: Input, asked: _Asked) -> list[Analysis]:
    output, against = networks[0][0].output, asked.against
    # Plain tensors, with gradients where heat maps need them, whatever mode whoever calls this is in.
    with torch.inference_mode(False), torch.set_grad_enabled(asked.heat_maps):
        answer, uses = _forward(networks, given.tensor)
        logits = output.logits(answer, asked.question)
        scores = output.explained(logits)
        targets = _targets(scores, asked)
        if against is not None and logits.shape[1] == 1:
            raise ValueError(_("With one output, yes is the opposite of no already: there is nothing to contrast."))
        gradients = (
            _gradients(scores, targets, against, uses) if asked.heat_maps else [use.output[:, :0] for use in uses]
        )
    names = distinct_uses([use.name for use in uses])
    analyses = []
    for i, (network, e_lambda) in enumerate(networks):
        blocks = tuple(
            _block(name, use, gradient, i) for name, use, gradient in zip(names, uses, gradients, strict=True)
        )
        boxes, box = _boxes(network, answer, i, targets[i], asked.question)
        analyses.append(
            Analysis(
                given.view,
                logits[i].detach().cpu(),
                targets[i],
                told_lambda(e_lambda, blocks),
                not all(block.hypothetical for block in blocks),
                network.categories,
                blocks,
                against,
                output,
                given.tensor.cpu() if given.given else None,
                given.caption,
                asked.question,
                boxes,
                box,
                asked=e_lambda,
                square=given.square,
            )
        )
    return analyses


def _gradients(scores: Tensor, targets: list[int], against: int | None, uses: Sequence[Use]) -> Sequence[Tensor]:
    """Of what each image of a batch explains, by what heat maps are taken of."""
    explained = [scores[i, target] for i, target in enumerate(targets)]
    if against is not None:
        explained = [one - scores[i, against] for i, one in enumerate(explained)]
    if not scores.requires_grad:
        raise ValueError(
            _(
                "No heat map can be made: this network's answer does not depend on what its attention gives, or its "
                "forward pass switches gradients off."
            )
        )
    # No image of the batch has any part in another's logits: the gradients of all together are each image's own. What was
    # found nowhere has no gradient.
    outputs = [use.output for use in uses]
    found = [one for one in explained if one.isfinite()]
    return (
        torch.autograd.grad(found, outputs, materialize_grads=True) if found else list(map(torch.zeros_like, outputs))
    )


def _block(name: str, use: Use, gradient: Tensor, i: int) -> Block:
    """What one use of attention did with one image of a batch."""
    block = Block(
        name,
        _plain(use.features, i),
        _plain(use.output, i),
        _plain(gradient, i),
        use.modules[i],
        use.hypothetical[i],
        use.layer,
    )
    if use.weights is not None:
        vars(block)["attention"] = _plain(use.weights, i)  # or it would compute them anew
    return block


def _plain(batch: Tensor, i: int) -> Tensor:
    """Of one image, without its graph, in memory of the processor, in a format that everything works with."""
    tensor = batch.detach()[i].cpu()
    return tensor.float() if tensor.dtype in (torch.float16, torch.bfloat16) else tensor


def _embedding(network: LoadedCheckpoint, reference: Given | None, input_size: int | None) -> Tensor | None:
    """What the photo becomes that another is compared with, (D,)."""
    if network.output.kind != "embedding":
        if reference is not None:
            raise ValueError(
                _("Only an embedding is compared with a second photo, and this network answers otherwise.")
            )
        return None
    if reference is None:
        raise ValueError(_("An embedding is explained by its similarity to a second photo: give reference=…."))
    model = private_copy(network.model)
    with torch.no_grad():
        return network.output.embedding(model(prepared(network.transforms, reference, input_size).tensor))[0]


def _boxes(
    network: LoadedCheckpoint, answer: Any, image: int, target: int, question: Question
) -> tuple[tuple[Box, ...], Box | None]:
    """What a detector found in one image of the batch, and which of it is explained."""
    if network.output.kind != "boxes" or network.output.score is not None:
        return (), None
    found = network.output.boxes(answer)[image]
    told = [
        Box((left, top, right, bottom), label, score, index < found.passing)
        for index, ((left, top, right, bottom), label, score) in enumerate(
            zip(found.places.tolist(), found.labels.tolist(), found.logits.sigmoid().tolist(), strict=True)
        )
    ]
    of_target = [box for box in told if box.label == target]
    explained = next(iter(of_target), None)
    if question.box is not None and of_target:
        explained = of_target[nearest(torch.tensor([box.place for box in of_target]), question.box)]
    return tuple(told[: found.offered]), explained


def _forward(networks: Sequence[Run], x: Tensor) -> tuple[Any, list[Use]]:
    """What the network returns for one input (1, C, H, W) under N attentions, and every use of attention on the way."""
    model, ours = one_model(networks)
    one_by_itself = len(networks) == 1 or (ours and parts_at_simam(model))
    with Recording(model, networks, ours) as record:
        answer = model(x if one_by_itself else x.expand(len(networks), *x.shape[1:]))
    if not record.uses:
        raise ValueError(
            _("None of this network's attention modules took part in its answer, so there is nothing to show.")
        )
    return answer, record.uses


def _targets(scores: Tensor, asked: _Asked) -> list[int]:
    """The class that each image of a batch explains, from scores (N, K)."""
    classes = scores.shape[1]
    for index in (asked.target, asked.against):
        if index is not None and not 0 <= index < classes:
            raise ValueError(
                _("There is no class {index}; this network knows classes 0 to {last}.", index=index, last=classes - 1)
            )
    targets: list[int] = scores.argmax(dim=1).tolist()
    if asked.target is not None or asked.one_target:
        targets = [targets[0] if asked.target is None else asked.target] * len(targets)
    if asked.against in targets:
        raise ValueError(
            _("Class {index} cannot be contrasted with itself; choose another class.", index=asked.against)
        )
    return targets
