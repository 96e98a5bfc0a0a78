"""What readers of the paper ask, with answers."""

from ..modules import formulas

FAQ = {
    "How does Eq. 5 follow from Eq. 2?": (
        "Set both derivatives of Eq. 2 to zero. The one by b says that the line crosses zero halfway between the target and the "
        "mean of the others; put in, the one by w becomes linear and gives w\\*. Put back, Eq. 2 becomes a single fraction in t, "
        "μ_t, σ_t² and λ. Eq. 5 then shares one μ and σ² over the channel. Every step stands above with numbers, and in "
        "docs/derivation.md with its checks. The minus sign before w\\* in the paper is a misprint."
    ),
    "Why does minimum energy mean important?": (
        "The energy is how badly the best line fails to tell the neuron from the rest of its channel. The lower it is, the more "
        "the neuron stands out. That standing out means importance is borrowed from neuroscience (spatial suppression); it is an "
        "assumption, not a theorem. The weights are not learnt, the features under them are."
    ),
    f"Why is 1/e* never below one half, and a weight never below {formulas.ATTENTION_FLOOR:.3f}?": (
        "Because the flat line w = b = 0 is always there, with energy 2: the least energy is at most 2, so 1/e* is at least ½ and "
        f"sigmoid(½) = {formulas.ATTENTION_FLOOR:.3f}. SimAM never closes a neuron, it only favours some."
    ),
    "Are the heat maps in the paper these weights?": (
        "No: they are Grad-CAM, which shows where a class is decided, computed on networks trained with SimAM. The weights "
        "themselves are on the page Attention maps, and both side by side on Overview."
    ),
    "Why are channels hardly ranked?": (
        "SimAM compares a neuron with its own channel only. Divided by the variance, every channel has the same mean of z², so "
        f"every channel's mean weight lies between {formulas.ATTENTION_FLOOR:.3f} and sigmoid(¾) = "
        f"{formulas.MEAN_ATTENTION_CEILING:.4f}."
    ),
}
