"""Networks trained alike, on the pages that show them beside one's own."""

from __future__ import annotations

import pytest
from PIL import Image

import simam_viz
from simam_viz.checkpoints.loading import LoadedCheckpoint, load_checkpoint
from simam_viz.checkpoints.sentences import sibling_rows, sibling_sentences
from simam_viz.checkpoints.store import list_checkpoints
from tests.helpers.pages import open_page, text


@pytest.mark.parametrize("checkpoint", ["simam_resnet18-tinyimagenet", "cbam_resnet18-tinyimagenet"])
@pytest.mark.long
def test_one_block_shows_what_each_module_weighs(checkpoint: str, photo: Image.Image) -> None:
    block = "layer3.1" if checkpoint.startswith("simam") else "layer3.1.attention.mix"
    app = open_page(
        "pages/attention_maps.py", level="block", size="96", block=block, checkpoint=checkpoint, **{"class": "espresso"}
    )
    assert "networks trained alike, at layer3.1" in text(app)
    pictures = app.session_state["takeaway"].shown.pictures
    assert {name for name in pictures if name.startswith("alike-")} == {
        *(f"alike-{name}" for name in ("simam", "se", "cbam", "eca")), "alike-cbam-position",
    }  # fmt: skip
    said = " ".join(caption.value for caption in app.caption)
    for name in ("simam", "se", "cbam", "eca"):
        network = load_checkpoint(f"{name}_resnet18-tinyimagenet")
        blocks = [b for b in simam_viz.analyze(network, photo, target=8, input_size=96).blocks if b.layer == "layer3.1"]
        weights = blocks[0].attention * (blocks[1].attention if len(blocks) > 1 else 1)
        assert f"{weights.min():.3f} to {weights.max():.3f}, mean {weights.mean():.3f}" in said, name
    rows = {row["module"]: row for row in app.session_state["takeaway"].shown.tables["modules"]}
    for info in list_checkpoints()[2:]:
        module = info.card["attention"].upper()
        assert rows[module]["top-1 trained alike"] == f"{info.card.accuracy.top1:.2f} %"


def test_models_says_which_differences_are_more_than_chance(loaded: LoadedCheckpoint) -> None:
    app = open_page("pages/models.py")
    rows = app.session_state["takeaway"].shown.tables["trained-alike"]
    cards = [info.card for info in list_checkpoints()]
    assert rows == sibling_rows(cards) and len(rows) == 10
    sentences = sibling_sentences(cards)
    assert len(sentences) == 3 and " ".join(sentences) in text(app)
    assert sentences[0].count("` over `") == sum(row["more than chance"] == "yes" for row in rows)
    assert "1 seed" in sentences[2] and "does not show which module is better" in sentences[2]
    for row in rows:
        low, high = (float(end.replace("−", "-")) for end in row["95 % interval"].split(" … "))
        assert low < row["points"] < high and row["points"] >= 0
        assert (row["more than chance"] == "yes") == (low > 0)
    assert sibling_rows([loaded.card | {"sibling_differences": []}]) == [] == sibling_sentences([])
