"""Heat maps of many photos measured, by whoever does it, and kept until all of them are."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import torch

from ..cluster.doing import HERE, Doing, in_order
from ..explain.metrics import Faithfulness
from ..explain.survey import Finding, Subject, findings
from ..explain.variants import Networks
from ..photos.bombs import ImageError
from .image_sets import LabelledPhoto, Unopened, unopened
from .unfinished import Unfinished


@dataclass(frozen=True)
class Asked:
    """What is measured of every photo, as :func:`simam_viz.explain.survey.findings` takes it."""

    networks: Networks
    block: str
    methods: list[str]
    input_size: int | None


def measured(
    asked: Asked, photos: Iterable[LabelledPhoto], doing: Doing = HERE, kept: Unfinished | None = None
) -> Iterator[list[Finding] | ImageError]:
    """All findings of each photo, in order, or why it cannot be read; all of a photo or nothing, wherever it is stopped.

    Args:
        asked: what is measured.
        photos: each with its true class, which is explained.
        doing: who does it.
        kept: what was found before is taken from here, and what is found is kept here.
    """

    def begun(photo: LabelledPhoto) -> Callable[[], list[Finding] | ImageError]:
        path, label = photo
        try:
            source = unopened(path)
        except ImageError as error:
            return lambda error=error: error  # type: ignore[misc]
        of = hashlib.sha256(f"{label} {path} ".encode() + source.data).hexdigest()
        if kept is not None and (before := kept.get(of)) is not None:
            return lambda: [_finding(str(path), entry) for entry in before]
        found = doing.later(_measured, asked, str(path), source, label)

        def finished() -> list[Finding] | ImageError:
            try:
                results = found()
            except ImageError as error:
                return error
            if kept is not None:
                kept.note(of, [_plain(finding) for finding in results])
            return results

        return finished

    return in_order(map(begun, photos), doing.ahead)


def _measured(asked: Asked, name: str, photo: Unopened, label: int) -> list[Finding]:
    subject = Subject(name, photo.opened(), label)
    return list(findings(asked.networks, [subject], asked.block, asked.methods, asked.input_size))


def _plain(finding: Finding) -> dict[str, Any]:
    measures = finding.measures
    numbers = None
    if measures is not None:
        curves = (measures.fractions, measures.deletion_curve, measures.insertion_curve)
        numbers = [*(curve.tolist() for curve in curves), measures.probability, measures.masked_probability]
    values = [list(finding.values.shape), finding.values.flatten().tolist()]
    return {
        "network": finding.network,
        "map": finding.map_name,
        "values": values,
        "trouble": finding.trouble,
        "measures": numbers,
    }


def _finding(photo: str, plain: dict[str, Any]) -> Finding:
    shape, values = plain["values"]
    measures = None
    if (numbers := plain["measures"]) is not None:
        fractions, deletion, insertion, probability, masked = numbers
        measures = Faithfulness(
            torch.tensor(fractions), torch.tensor(deletion), torch.tensor(insertion), probability, masked
        )
    return Finding(photo, plain["network"], plain["map"], torch.tensor(values).view(shape), plain["trouble"], measures)
