"""A YOLO with SimAM by yaml, as people put it there: SimAM typed off the paper, registered, and named in the layers.

``make`` is what ``--network tests/helpers/yolo_simam.py:make`` calls. It needs ultralytics, which is for tests alone.
"""

from __future__ import annotations

import torch
import yaml
from attention_zoo import Retyped  # beside this file, as a person's own modules are
from torch import nn
from ultralytics.nn import tasks

LAYERS = """
nc: 4
scale: n
scales: {n: [0.33, 0.25, 1024]}
backbone:
  - [-1, 1, Conv, [64, 3, 2]]
  - [-1, 1, Conv, [128, 3, 2]]
  - [-1, 3, C2f, [128, True]]
  - [-1, 1, Conv, [256, 3, 2]]
  - [-1, 3, C2f, [256, True]]
  - [-1, 1, SimAM, []]
  - [-1, 1, Conv, [512, 3, 2]]
  - [-1, 3, C2f, [512, True]]
  - [-1, 1, SimAM, []]
  - [-1, 1, Conv, [512, 3, 2]]
  - [-1, 3, C2f, [512, True]]
head:
  - [-1, 1, nn.Upsample, [None, 2, "nearest"]]
  - [[-1, 8], 1, Concat, [1]]
  - [-1, 3, C2f, [512]]
  - [-1, 1, nn.Upsample, [None, 2, "nearest"]]
  - [[-1, 5], 1, Concat, [1]]
  - [-1, 3, C2f, [256]]
  - [[16, 13, 10], 1, Detect, [nc]]
"""


def make() -> nn.Module:
    tasks.SimAM = Retyped
    torch.manual_seed(0)
    model = tasks.DetectionModel(yaml.safe_load(LAYERS), ch=3, nc=4, verbose=False).eval()
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(
                module.weight
            )  # so that something of the photo arrives at the end of an untrained one
    return model
