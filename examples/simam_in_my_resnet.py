# %% [markdown]
# # SimAM in my ResNet
#
# SimAM has no parameters, so it can be put into a network that exists already, and its weights still fit. Whether they still
# *mean* what they did is another question, which this notebook asks, too.

# %%
import torch
import torchvision

import simam_viz
from simam_viz.photos.samples import SAMPLES_FOLDER

PHOTO = SAMPLES_FOLDER / "espresso-cup.jpg"
torch.manual_seed(0)
mine = torchvision.models.resnet18(num_classes=10)  # random weights: yours come with load_state_dict
with_simam = simam_viz.insert_simam(mine, r"layer\d\.\d\.conv2", e_lambda=0.1)  # where its authors put it
same = {parameter.data_ptr() for parameter in mine.parameters()} == {p.data_ptr() for p in with_simam.parameters()}
print("shares every weight:", same)

# %% [markdown]
# `wrap` looks into it with one pass and says what it found: where attention works, which λ, how the answer is read.

# %%
network = simam_viz.wrap(with_simam, [f"class {number}" for number in range(10)], input_size=128)
simam_viz.analyze(network, PHOTO)

# %% [markdown]
# It trains like any other module: its gradient is exact, and `mine` learns with it, since the weights are the same.

# %%
optimizer = torch.optim.SGD(with_simam.parameters(), lr=0.05)
images, labels = torch.randn(8, 3, 64, 64), torch.randint(10, (8,))
for _step in range(3):
    loss = torch.nn.functional.cross_entropy(with_simam(images), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(f"loss {loss.item():.3f}")

# %% [markdown]
# **Weights that were trained without SimAM answer worse with it.** The plain network that comes along, as it is and with SimAM
# put in afterwards: batch norm then sees a scale that it never saw in training. Train on, or read the result as hypothetical.

# %%
plain = simam_viz.load_checkpoint("resnet18-tinyimagenet")
changed = simam_viz.wrap(
    simam_viz.insert_simam(plain.model, r"layer\d\.\d\.conv2"),
    plain.categories,
    plain.transforms.input_size,
    trained_with_simam=False,
    verbose=False,
)
for title, looked in (("as trained", plain), ("with SimAM put in", changed)):
    print(
        f"{title:<18}",
        [f"{name.split(',')[0]} {share:.1%}" for _index, name, share in simam_viz.analyze(looked, PHOTO).top(2)],
    )
