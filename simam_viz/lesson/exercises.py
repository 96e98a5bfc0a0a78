"""Four questions inside the scenes, set up by a button and answered by doing, and what is said to an answer.

Whether an answer is right is found in the browser, where it is given: ``app/components/scenes/exercises.js``.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..wording import later


@dataclass(frozen=True)
class Exercise:
    """What is asked in one scene. Its sentences are for :func:`simam_viz.wording._`; their places are the scene's values."""

    scene: str
    task: str
    verdicts: dict[str, str]
    """By what became of it: ``right``, ``wrong``, or another way to be wrong."""


EXERCISES = {
    "low-line": Exercise(
        "line",
        later("This line is flat. Drag its ends until its energy is 0.1 or less. Then check."),
        {
            "right": later("Yes: {e_line}. No line of this neuron gets below {e_best}; the next scene goes there."),
            "wrong": later(
                "Not yet: {e_line}. The target's miss gives {miss_target} of it, the others' {miss_others}, the steepness {charge}. Lift "
                "the line to +1 above the target and lower it to −1 above the crowd."
            ),
        },
    ),
    "powerless": Exercise(
        "lambda",
        later(
            "Noise, and λ = 10. Lower λ only until it has lost its power: until without it, the energy would be the same but for 1 %."
        ),
        {
            "right": later(
                "Yes: λ = {e_lambda} is at most a hundredth of σ_t² = {variance_t}. Below that, λ does nothing."
            ),
            "wrong": later(
                "Not yet. λ stands in e* beside σ_t² and nowhere else: it does nothing when σ_t² + λ is σ_t², all but 1 %. Here σ_t² is "
                "{variance_t}, and λ is {e_lambda}."
            ),
        },
    ),
    "lowest": Exercise(
        "weight",
        later("Drag the target until its weight is the lowest that there can be. What is it?"),
        {
            "right": later(
                "Yes: {weight}. At the mean, (t − μ)² is 0, no line beats the flat one, 1/e* is ½, and the weight sigmoid(½). On a flat "
                "map all neurons have it."
            ),
            "wrong": later(
                "Not the lowest: {weight}. What is added to ½ is (t − μ)² over something positive, so it is never negative. Which t makes "
                "it 0? Here t − μ is {d}."
            ),
        },
    ),
    "dark": Exercise(
        "channel",
        later(
            "Make a neuron that lies **below** the mean the most emphasised of all. Leave the spike in the middle as it is."
        ),
        {
            "right": later(
                "Yes: t − μ is {d}, and its square is the greatest. The side does not matter. The spike lost weight without being "
                "touched: σ² is now {variance}, and importance is relative to it."
            ),
            "wrong": later(
                "Not yet: it is number {rank} in its channel. Only the distance from the mean counts, here {d}; the spike lies 3 above. "
                "Paint this one farther down."
            ),
            "above": later(
                "It is the most emphasised, but it lies above the mean, by {d}. The square forgets the side: try below."
            ),
            "spike": later("The target is still the spike. Choose a low paint value, then tap another neuron."),
        },
    ),
}
