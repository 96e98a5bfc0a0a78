"""What the README shows in Python runs as printed."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pytest

from simam_viz.checkpoints.store import list_checkpoints
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


def test_the_readme_and_the_cards_tell_the_same() -> None:
    text = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    cards = [info.card for info in list_checkpoints()]

    def row(title: str, values: Iterable[float], digits: int = 2) -> None:
        assert f"{title} | {' | '.join(f'{value:.{digits}f}' for value in values)} |" in text, title

    row("10,000 official validation images, top-1 (%)", [card.accuracy.top1 for card in cards])
    row("the same, top-5 (%)", [card.accuracy.top5 for card in cards])
    by_size = {
        "5,000 held-out images": [card.accuracy_by_input_size.values for card in cards],
        f"{cards[0].accuracy_on_sharp_photos.images} sharp photos": [c.accuracy_on_sharp_photos.values for c in cards],
    }
    means: dict[str, list[float]] = {}
    for title, values in by_size.items():
        for px in values[0]:
            means.setdefault(px, []).append(sum(one[px].top1 for one in values) / len(values))
        row(title, [found[-1] for found in means.values()])
    row("mean of both", [sum(both) / 2 for both in means.values()])
    size = str(cards[0].input_size)
    row("5,000 held-out images, top-1 (%)", [values[size].top1 for values in by_size["5,000 held-out images"]])
    errors = [f"{card.expected_calibration_error:.1f}, {card.temperature:.3f}" for card in cards]
    assert f"at the temperature | {' | '.join(errors)} |" in text
    for told in cards[0].sibling_differences:
        if told.decided:
            assert f"{told.difference:.2f}" in text and f"(+{told.low:.2f} to +{told.high:.2f})" in text.replace(
                "95 % interval ", ""
            )
