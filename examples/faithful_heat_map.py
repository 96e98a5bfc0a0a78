# %% [markdown]
# # Is a heat map faithful?
#
# A heat map is a claim: *here* is what the network used. Deletion removes the pixels that it ranks highest and watches the
# probability fall; insertion adds them to a blurred photo and watches it rise; the drop is what is lost when everything else is
# dimmed. A number means something only beside maps that know nothing: a random one, and a blob in the centre.

# %%
import simam_viz
from simam_viz.explain.metrics import controls
from simam_viz.photos.samples import list_samples

STEPS = 8  # of the curves; the app takes more
network = simam_viz.load_checkpoint("simam_resnet18-tinyimagenet")


# %%
def measured(sample):
    analysis = simam_viz.analyze(network, sample.image())
    block = analysis.block("layer3.1")
    maps = {method: block.heat_map(method).values for method in ("Grad-CAM", "LayerCAM")}
    maps |= controls(block.cam.shape)  # "random" and "centre"
    return analysis, dict(simam_viz.faithfulness(network, analysis, maps, STEPS))


samples = list_samples()[:2]
for sample in samples:
    analysis, found = measured(sample)
    name = analysis.categories[analysis.target].split(",")[0]
    print(f"{sample.title}: {name}, {float(analysis.probabilities[analysis.target]):.1%}")
    for title, measures in found.items():
        better = measures.insertion - measures.deletion
        print(f"    {title:<12} insertion - deletion {better:+.3f}   drop {measures.drop:.0%}")

# %% [markdown]
# Two photos say little, and where the network gives the class less than 10 % they say nothing: over so small a probability,
# chance looks like faithfulness. The command `simam-viz faithful` asks hundreds of photos and gives intervals; the docs have
# [what came out](../docs/results.md). And a faithful map shows what the network uses, not that it is right to.
