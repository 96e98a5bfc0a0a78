# %% [markdown]
# # A first look
#
# One photo through the network that comes along, and the weight that SimAM gives every neuron of it.

# %%
import simam_viz
from simam_viz.photos.samples import SAMPLES_FOLDER

network = simam_viz.load_checkpoint("simam_resnet18-tinyimagenet")
analysis = simam_viz.analyze(network, SAMPLES_FOLDER / "chelsea-the-cat.jpg")
analysis  # the answer; for every block the mean weight over its channels, and Grad-CAM

# %% [markdown]
# Behind the pictures are tensors. A block has `features` (what enters the attention), `attention` (the weight of every neuron),
# `energy` and `importance` (what it comes from), and `refined` (what leaves), all (C, H, W); `cam` is Grad-CAM, (H, W).

# %%
block = analysis.block("layer3.1")
channel, row, column = (int(index) for index in (block.attention == block.attention.max()).nonzero()[0])
print(f"Of {block.attention.numel():,} neurons, {channel}, {row}, {column} has the highest weight:")
for quantity in ("features", "energy", "importance", "attention", "refined"):
    print(f"  {quantity:<10} {float(getattr(block, quantity)[channel, row, column]):8.4f}")

# %% [markdown]
# The formula has one free number. A larger λ flattens the channels whose variance is small beside it; here is how far the
# weights of a block reach at three of them, all from one batch.

# %%
for looked in simam_viz.analyze_lambdas(network, SAMPLES_FOLDER / "chelsea-the-cat.jpg", [1e-4, 0.1, 10]):
    weights = looked.block("layer3.1").attention
    print(f"{looked.lambda_text:<10} {float(weights.min()):.3f} to {float(weights.max()):.3f}   {looked.top(1)[0][1]}")
