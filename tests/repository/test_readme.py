"""What the README shows in Python runs as printed."""

from __future__ import annotations

import re

import pytest

from simam_viz.checkpoints.store import CheckpointInfo, list_checkpoints
from tests.helpers.project import ROOT


def test_the_python_in_the_readme_runs_as_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Block after block in one interpreter, as a reader would; only torchvision's downloads become random weights."""
    monkeypatch.chdir(ROOT)
    blocks = re.findall(r"^```python\n(.*?)^```$", (ROOT / "README.md").read_text(encoding="utf-8"), re.M | re.S)
    namespace: dict[str, object] = {}
    printed = []
    for block in blocks:
        exec(block.replace('weights="DEFAULT"', "weights=None"), namespace)
        printed.append(capsys.readouterr().out)
    assert len(blocks) >= 3 and "insert_simam" in blocks[-1] and blocks[-1].count('weights="DEFAULT"') == 2
    assert "8 attention modules" in printed[0] and printed[0].endswith("[('layer1.0', 'simam', 0.1)]\n")
    assert "espresso" in printed[1] and "layer4.1 (512, 5, 5)" in printed[1] and "LayerCAM" in printed[2]
    names = [f"features.denseblock1.denselayer{number}.conv2" for number in (1, 2)]
    assert printed[-1] == f"{names}\n", "what the comment in the README says"


@pytest.mark.parametrize("info", [pytest.param(info, id=info.name) for info in list_checkpoints()])
def test_the_readme_and_the_card_tell_the_same_accuracy(info: CheckpointInfo) -> None:
    text = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    accuracy, sizes = info.card["accuracy"], info.card["accuracy_by_input_size"]["values"]
    assert f"{accuracy['top1']:.2f} % top-1 and {accuracy['top5']:.2f} % top-5" in text
    for measure in ("top1", "top5"):
        row = " | ".join(f"{values[measure]:.2f}" for values in sizes.values())
        assert row in text.replace("**", "")
