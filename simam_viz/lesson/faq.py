"""What readers of the paper ask, with answers."""

from ..wording import later

FAQ = {
    later("How does Eq. 5 follow from Eq. 2?"): later(
        "Set both derivatives of Eq. 2 to zero. The one by b says that the line crosses zero halfway between the target and the "
        "mean of the others; put in, the one by w becomes linear and gives w\\*. Put back, Eq. 2 becomes a single fraction in t, "
        "μ_t, σ_t² and λ. Eq. 5 then shares one μ and σ² over the channel. Every step stands above with numbers, and in "
        "docs/derivation.md with its checks. The minus sign before w\\* in the paper is a misprint."
    ),
    later("Why does minimum energy mean important?"): later(
        "The energy is how badly the best line fails to tell the neuron from the rest of its channel. Where it is near 0, "
        "the neuron is **linearly separable** from the others. The lower it is, the more the neuron stands out, and being "
        "far from the mean is all it takes: of two blobs, the brighter has the lowest energy, and the other only raises "
        "the variance. That standing out means importance is borrowed from neuroscience (spatial suppression); it is an "
        "assumption, not a theorem. The weights are not learnt, the features under them are."
    ),
    later("Why is 1/e* never below one half, and a weight never below 0.622?"): later(
        "Because the flat line w = b = 0 is always there, with energy 2: the least energy is at most 2, so 1/e* is at least ½ and "
        "sigmoid(½) = 0.622. SimAM never closes a neuron, it only favours some."
    ),
    later("Are the heat maps in the paper these weights?"): later(
        "No: they are Grad-CAM, which shows where a class is decided, computed on networks trained with SimAM. The weights "
        "themselves are on the page Attention maps, and both side by side on Overview."
    ),
    later("Why are channels hardly ranked?"): later(
        "SimAM compares a neuron with its own channel only. Divided by the variance, every channel has the same mean of z², so "
        "every channel's mean weight lies between 0.622 and sigmoid(¾) = 0.6792."
    ),
}
"""By question, the answer; both are for :func:`simam_viz.wording._`."""
