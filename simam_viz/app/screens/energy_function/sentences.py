"""What the scenes say beside their words: buttons, axes, and what a reader of the screen hears."""

from __future__ import annotations

from ....wording import _


def sentences() -> dict[str, str | list[str]]:
    """By the names that the browser knows them by; their ``{places}`` are filled there."""
    return {
        "lesson": _("The lesson"),
        "scenes": _("Scenes"),
        "count": _("Scene {number} of {all}"),
        "back": _("Back"),
        "next": _("Next"),
        "lecture": _("Lecture"),
        "end_lecture": _("End the lecture"),
        "dark_or_light": _("Dark or light"),
        "aside": _("Exactly, and two slips in print"),
        "exercise": _("Exercise"),
        "check": _("Check"),
        "leave": _("Back to the text"),
        "channel": _("Channel"),
        "brush": _("Paint"),
        "undo": _("Undo"),
        "drop": _("Let it drop"),
        "block": _("Block"),
        "number": _("Channel"),
        "target": _("Value of the target"),
        "target_is": _("t = {t}, {d} from the mean; energy {energy}, weight {weight}"),
        "map": _("The channel: arrow keys choose the target, plus and minus change it"),
        "paint": _(
            "The channel: tap to paint, arrow keys choose the target, Enter paints it, plus and minus change it"
        ),
        "cell_is": _("row {row}, column {column}: value {value}, weight {weight}"),
        "strip": _("The values of the channel from −5 to 5, with the mean and the target"),
        "value": _("value"),
        "value_x": _("value x"),
        "line_picture": _("The line over the values: the target should lie at +1, the others at −1"),
        "ends": [_("Left end of the line"), _("Right end of the line")],
        "end_is": _("{height}"),
        "flat_bar": _("2: the flat line"),
        "bowl_picture": _("The energy of all lines, slope across and offset up: dark is low"),
        "slope": _("slope w"),
        "offset": _("offset b"),
        "flat_line": _("flat line: 2"),
        "point": _("A line, as a point of the bowl"),
        "point_is": _("slope {w}, offset {b}, energy {e_line}"),
        "lambda_picture": _("The best line, and the least energy against λ on logarithmic axes"),
        "lambda_is": _("λ = {e_lambda}, least energy {e_best}"),
        "energy": _("energy"),
        "curve_picture": _("The energy of every neuron against its value: one curve, highest at the mean"),
        "weight": _("weight"),
        "weight_picture": _("The weight of every neuron against its value: one curve, lowest at the mean"),
        "floor": _("floor: sigmoid(½) = 0.622"),
        "weights": _("The weights of the channel's neurons"),
        "values_title": _("the channel: blue below 0, red above"),
        "weights_title": _("its weights"),
        "looking": _("Looking at the photo…"),
        "photo_map": _("The channel's weights: arrow keys choose a neuron"),
        "photo_cell_is": _("row {row}, column {column}: value {value}, weight {weight}"),
        "photo_title": _("the photo"),
        "side_title": _("weights: orange above μ, violet below"),
    }
