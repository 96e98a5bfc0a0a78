"""What a session keeps is bounded, in number and in bytes."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from PIL import Image

import simam_viz
from simam_viz.app.server.kept import Kept
from tests.helpers.small_networks import small


@dataclass
class Result:
    nbytes: int


def held(kept: Kept, keys: str) -> str:
    return "".join(key for key in keys if key in kept._results)


def test_the_results_used_last_stay() -> None:
    kept: Kept[Result] = Kept(entries=3, nbytes=100)
    for key in "abc":
        kept.put(key, Result(1))
    assert kept.get("a") is not None and kept.get("x") is None
    kept.put("d", Result(1))
    assert held(kept, "abcd") == "acd" and len(kept) == 3


def test_big_results_push_others_out_but_the_newest_stays() -> None:
    kept: Kept[Result] = Kept(entries=9, nbytes=100)
    for key, size in (("a", 40), ("b", 40), ("c", 40)):
        kept.put(key, Result(size))
    assert held(kept, "abc") == "bc"
    kept.put("d", Result(500))
    assert held(kept, "abcd") == "d"
    kept.put("d", Result(10))
    kept.put("e", Result(10))
    kept.get("d").nbytes = 95  # it grew
    kept.put("f", Result(1))
    assert held(kept, "def") == "df"


def test_an_analysis_knows_its_size() -> None:
    analysis = simam_viz.analyze(small("resnet18"), Image.new("RGB", (64, 64), "teal")).compacted()
    block = analysis.blocks[0]
    features, maps = block.features.nbytes, sum(heat.values.nbytes for heat in block._heat_maps.values())
    before = analysis.nbytes
    assert block.nbytes == features + maps and before == sum(block.nbytes for block in analysis.blocks)
    assert isinstance(block.attention, torch.Tensor)
    assert analysis.nbytes == before + features
