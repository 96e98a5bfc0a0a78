# %% [markdown]
# # The README's figure
#
# The picture at the top of the README is the Overview page while λ is dragged: the mean weight of all eight blocks over the cat,
# and the most probable classes. Here are its first and its last frame as a figure for a paper, in numbers and without the app.
# (The moving picture itself is made by `python docs/moving_picture.py`.)

# %%
import simam_viz
from simam_viz.photos.samples import SAMPLES_FOLDER

PHOTO = SAMPLES_FOLDER / "chelsea-the-cat.jpg"
FIRST, LAST = 0.001, 10.0
network = simam_viz.load_checkpoint("simam_resnet18-tinyimagenet")
for looked in simam_viz.analyze_lambdas(network, PHOTO, [FIRST, LAST]):
    print(looked.lambda_text, [f"{name.split(',')[0]} {share:.1%}" for _index, name, share in looked.top(5)])
    print("   highest mean weight:", {b.name: round(float(b.attention.mean(dim=0).max()), 3) for b in looked.blocks})

# %%
blocks = [block.name for block in simam_viz.analyze(network, PHOTO).blocks]
show = tuple(f"weight@{block}" for block in blocks)
simam_viz.figure(PHOTO, network, show=show, across=4, width=140, e_lambda=FIRST)

# %%
simam_viz.figure(PHOTO, network, show=show, across=4, width=140, e_lambda=LAST)
