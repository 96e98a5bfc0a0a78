# %% [markdown]
# # A detector
#
# **The weights of this detector are random.** Trained ones would have to be downloaded; what it finds means nothing, and the
# notebook is about how to look. Put your own network in its place.

# %%
import torch
import torchvision

import simam_viz
from simam_viz.photos.samples import SAMPLES_FOLDER

torch.manual_seed(0)
detector = torchvision.models.detection.ssdlite320_mobilenet_v3_large(
    weights=None, weights_backbone=None, num_classes=4
).eval()
network = simam_viz.wrap(detector, ["background", "cup", "spoon", "table"])

# %% [markdown]
# MobileNetV3 brings attention of its own: squeeze-and-excitation, one weight a channel. Nothing told `wrap` so; it is recognised
# by what the modules do. A detector sees the whole photo, and heat maps explain one box: the best, unless `box=` says which.

# %%
photo = simam_viz.open_image(SAMPLES_FOLDER / "espresso-cup.jpg")
analysis = simam_viz.analyze(network, photo)
for box in analysis.boxes[:3]:
    left, top, right, bottom = box.place
    name, sure = network.categories[box.label], "" if box.certain else "  (below the detector's threshold)"
    print(f"{name:<11} {box.score:.3f}  {left:.0f}, {top:.0f} to {right:.0f}, {bottom:.0f}{sure}")

# %%
kinds = {block.name: block.kind for block in analysis.blocks}
print(f"{len(kinds)} attentions:", sorted(set(kinds.values())))
simam_viz.analyze(network, photo, box=1)
