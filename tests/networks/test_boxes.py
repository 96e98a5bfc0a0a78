"""What detectors return, read as boxes."""

from __future__ import annotations

import contextlib
import math

import pytest
import torch
import torchvision
from torch import Tensor

import simam_viz
from simam_viz.networks.answers import Question, understood
from simam_viz.networks.boxes import class_scores, classes_of, nearest, read, unsquashed


def found(*boxes: tuple[tuple[float, ...], float, int]) -> list[dict[str, Tensor]]:
    """As torchvision's detectors answer."""
    places, scores, labels = zip(*boxes, strict=True)
    return [
        {
            "boxes": torch.tensor(places, dtype=torch.float32),
            "scores": torch.tensor(scores, requires_grad=True),
            "labels": torch.tensor(labels),
        }
    ]


A, B, C = (0.0, 0.0, 10.0, 10.0), (20.0, 20.0, 30.0, 40.0), (21.0, 21.0, 30.0, 40.0)


def test_torchvisions() -> None:
    answer = found((A, 0.3, 1), (B, 0.9, 2), (C, 0.1, 1))
    (boxes,) = read(answer, 4, 0.25)
    assert boxes.labels.tolist() == [2, 1, 1] and boxes.passing == boxes.offered == 2
    torch.testing.assert_close(boxes.logits.sigmoid(), torch.tensor([0.9, 0.3, 0.1]))
    scores = class_scores([boxes], 4)
    assert scores[0, 0] == scores[0, 3] == -math.inf
    torch.testing.assert_close(scores[0, 1:3].sigmoid(), torch.tensor([0.3, 0.9]))
    # The box of class 1 that is meant, and not the best.
    torch.testing.assert_close(class_scores([boxes], 4, C)[0, 1].sigmoid(), torch.tensor(0.1))
    output = understood(answer, "auto", None, 4, None)
    assert output.kind == "boxes" and output.classes == 3
    torch.testing.assert_close(output.logits(answer, Question(box=C))[0, 1].sigmoid(), torch.tensor(0.1))


def test_where_none_passes_the_ten_best_are_offered() -> None:
    (boxes,) = read(found(*((A, 0.01 * i, 0) for i in range(1, 15))), 1, 0.25)
    assert boxes.passing == 0 and boxes.offered == 10
    (few,) = read(found((A, 0.01, 0)), 1, 0.25)
    assert few.offered == 1


def yolo(classes: int, extra: int = 0) -> Tensor:
    """(1, 4 + K, A): three boxes, of which the second lies on the first, and much else of no score."""
    answer = torch.full((1, 4 + classes + extra, 60), 1e-4)
    answer[0, :2] = torch.rand(2, 60, generator=torch.Generator().manual_seed(0)) * 500
    answer[0, 2:4] = 1
    for i, (centre, size, score, label) in enumerate(
        (((20.0, 30.0), 10.0, 0.9, 1), ((20.5, 30.0), 10.0, 0.7, 1), ((90.0, 90.0), 20.0, 0.4, 0))
    ):
        answer[0, :2, i], answer[0, 2:4, i] = torch.tensor(centre), size
        answer[0, 4 + label, i] = score
    return answer.requires_grad_()


@pytest.mark.parametrize("extra", [0, 32])
def test_yolos(extra: int) -> None:
    answer = yolo(2, extra)
    (boxes,) = read((answer, "whatever it returns besides"), 2, 0.25)
    assert boxes.passing == 2 and boxes.labels[:2].tolist() == [1, 0]
    torch.testing.assert_close(boxes.places[0], torch.tensor([15.0, 25.0, 25.0, 35.0]))
    torch.testing.assert_close(boxes.logits[:2].sigmoid(), torch.tensor([0.9, 0.4]))
    (gradient,) = torch.autograd.grad(boxes.logits[0], answer)
    assert gradient.nonzero().tolist() == [[0, 5, 0]], "of that box's class score alone"


def test_older_yolos_and_those_without_suppression() -> None:
    new = yolo(2)[0].detach()
    old = torch.cat([new[:4], torch.full((1, 60), 0.5), new[4:]]).T[None]
    (boxes,) = read(old, 2, 0.25)
    torch.testing.assert_close(boxes.logits[:2].sigmoid(), torch.tensor([0.45, 0.2]))
    assert boxes.passing == 1
    last = torch.tensor([[[*A, 0.3, 1.0], [*B, 0.9, 0.0]]])
    (boxes,) = read(last, 5, 0.25)
    assert boxes.labels.tolist() == [0, 1] and boxes.places[0].tolist() == list(B)


def test_what_is_no_box_is_refused() -> None:
    for answer in (torch.rand(1, 7), torch.rand(1, 3, 9), {"boxes": A}, None):
        with pytest.raises(ValueError, match="not understood as boxes"):
            read(answer, 2, 0.25)


def test_the_nearest_box() -> None:
    places = torch.tensor([A, B, C])
    assert [nearest(places, place) for place in (A, B, C)] == [0, 1, 2]
    assert nearest(places, (19.0, 19.0, 29.0, 39.0)) == 1
    assert nearest(places, (11.0, 0.0, 12.0, 10.0)) == 0, "overlapping none, its sides are closest"
    flat = torch.tensor([[5.0, 5.0, 5.0, 9.0], [7.0, 7.0, 7.0, 7.0]])
    assert [nearest(flat, tuple(place.tolist())) for place in flat] == [0, 1], "boxes without an area"


def test_logits_of_probabilities_have_the_gradient_of_what_was_squashed() -> None:
    x = torch.tensor([-30.0, -3.0, 0.0, 5.0], dtype=torch.float64, requires_grad=True)
    back = unsquashed(x.sigmoid())
    torch.testing.assert_close(back, x)
    torch.testing.assert_close(torch.autograd.grad(back.sum(), x)[0], torch.ones_like(x))
    assert unsquashed(torch.tensor([0.0, 1.0])).isfinite().all()


def test_how_many_classes_a_detector_says_that_it_tells_apart() -> None:
    detection = torchvision.models.detection
    for name in ("ssdlite320_mobilenet_v3_large", "fasterrcnn_mobilenet_v3_large_fpn", "fcos_resnet50_fpn"):
        with torch.device("meta"), contextlib.suppress(NotImplementedError):
            model = getattr(detection, name)(weights=None, weights_backbone=None, num_classes=4)
            assert classes_of(model) == 4, name
    assert classes_of(torchvision.models.resnet18(num_classes=4)) is None


class Detects(torch.nn.Module):
    """A detector that nothing but its answer tells."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 4, 3)

    def forward(self, x: Tensor) -> list[dict[str, Tensor]]:
        scores = self.conv(x).amax((2, 3)).sigmoid()
        return [{"boxes": torch.tensor([A] * 4), "scores": one, "labels": torch.arange(4)} for one in scores]


def test_a_detector_sees_the_whole_photo_however_it_is_known() -> None:
    network = simam_viz.wrap(Detects(), input_size=64, verbose=False)
    assert network.transforms.fit == "letterbox" and network.transforms.mean == (0.0,) * 3
    assert len(network.categories) == 4 and "normalisation" not in repr(network)
