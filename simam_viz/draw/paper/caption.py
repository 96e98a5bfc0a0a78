"""What stands below a figure: everything a reader needs to trust it and to make it again, as text, LaTeX and Markdown."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ...version import VERSION
from ...wording import _, comma, counted, enumeration, later, semicolon, together
from . import panels
from .description import Description
from .grid import Cell
from .looks import STOPS, Looks
from .sources import Picture

_SIMAM = later(
    "SimAM: Yang, Zhang, Li and Xie, “SimAM: A Simple, Parameter-Free Attention Module for Convolutional Neural Networks”, ICML 2021."
)
_CAMS = {
    "Grad-CAM": later(
        "Grad-CAM: Selvaraju et al., “Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization”, ICCV 2017."
    ),
    "Grad-CAM++": later("Grad-CAM++: Chattopadhay et al., “Grad-CAM++”, WACV 2018."),
    "HiResCAM": later("HiResCAM: Draelos and Carin, arXiv 2011.08891, 2020."),
    "LayerCAM": later("LayerCAM: Jiang et al., “LayerCAM”, IEEE TIP 2021."),
}
_MODULES = {
    "se": later("SE: Hu, Shen and Sun, “Squeeze-and-Excitation Networks”, CVPR 2018."),
    "cbam": later("CBAM: Woo et al., “CBAM: Convolutional Block Attention Module”, ECCV 2018."),
    "eca": later(
        "ECA: Wang et al., “ECA-Net: Efficient Channel Attention for Deep Convolutional Neural Networks”, CVPR 2020."
    ),
}
_WHAT = {
    "photo": later("{name}: the part that the network sees."),
    "cam": later("{name} at {block}, divided by its own maximum: where the block's output speaks for the class."),
    "difference": later(
        "{name} at {block}: the map of {first} minus that of the network named, each over its own maximum."
    ),
    "histogram": later("{name} of {block}: how many there are, on a log axis."),
    "sweep": later("{name}: what the network says of the class at {count} values of λ from 1e-6 to 10."),
    "mean": later("{name} at {block}, over all channels."),
    "channel": later("{name} of {block}."),
}
_LATEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "%": r"\%", "&": r"\&", "#": r"\#", "_": r"\_", "$": r"\$",
    "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "λ": r"$\lambda$", "σ": r"$\sigma$", "×": r"$\times$", "−": "$-$",
    "μ": r"$\mu$", "<": "$<$", ">": "$>$", "|": "$|$", "→": r"$\to$", "½": r"$\frac{1}{2}$", "²": "$^2$", "“": "``", "”": "''",
    "…": r"\dots{}", "–": "--",
}  # fmt: skip
BY_PYTHON = later(
    "No command can name a network that lives in a program or in one session alone; in Python, simam_viz.figure(...) makes this "
    "figure again."
)
_ONE_COLUMN = 100.0
"""A wider figure goes across both columns of a page, in mm."""


@dataclass(frozen=True)
class Caption:
    """The sentences below a figure, and the command that makes it again, if there is one."""

    sentences: tuple[str, ...]
    command: str
    """Empty where none can name the networks."""
    width: float
    """Of the figure, in mm."""
    file: str = "figure.pdf"
    """The figure's own."""

    @property
    def text(self) -> str:
        """As plain text."""
        again = (_("Made again by:"), self.command) if self.command else (_(BY_PYTHON),)
        return "\n".join((together(*self.sentences), "", *again, ""))

    @property
    def latex(self) -> str:
        """As a figure's environment."""
        said = "".join(_LATEX.get(letter, letter) for letter in together(*self.sentences))
        place = "figure*" if self.width > _ONE_COLUMN else "figure"  # a star goes across both columns
        command = " ".join(self.command.splitlines()) or _(BY_PYTHON)
        return "\n".join([
            rf"\begin{{{place}}}", r"  \centering", rf"  \includegraphics[width={self.width:g}mm]{{{self.file}}}",
            rf"  \caption{{{said}}}", r"  \label{fig:simam}", rf"\end{{{place}}}", f"% {command}", "",
        ])  # fmt: skip

    @property
    def markdown(self) -> str:
        """With the picture above it."""
        said = re.sub(r"([\\`*_{}\[\]<>#|])", r"\\\1", together(*self.sentences))
        again = ("```bash", self.command, "```") if self.command else (_(BY_PYTHON),)
        return "\n".join((f"![]({self.file})", "", said, "", *again, ""))


def caption(
    asked: Description, photos: Sequence[Picture], networks: Sequence[str], looks: Looks, command: str
) -> Caption:
    """The caption of a figure; other arguments as :func:`simam_viz.draw.paper.sheet.drawn` takes them."""
    cells = panels.grid(asked, [photo.name for photo in photos], networks, looks).panels
    told = _quantities(asked, networks, looks)
    told += [
        _network(asked, n, title if len(networks) > 1 else _("Network"), looks) for n, title in enumerate(networks)
    ]
    told += _classes(asked, photos, looks)
    told += _colours(asked, cells, networks, looks)
    told += _maps(asked)
    told += _crops(photos, networks, looks)
    told.append(_resolution(cells, looks))
    methods = dict.fromkeys(quantity.method for quantity in asked.quantities if quantity.method)
    modules = [module for module in _MODULES if any(look.facts["attention"] == module for look in looks.values())]
    told.append(_("Made with SimAM Viz {version}.", version=VERSION))
    told += [_(_SIMAM), *(_(_MODULES[module]) for module in modules), *(_(_CAMS[method]) for method in methods)]
    return Caption(tuple(filter(None, told)), command, asked.width)


def _quantities(asked: Description, networks: Sequence[str], looks: Looks) -> list[str]:
    """What each panel shows; a quantity at several blocks in one sentence."""
    blocks = looks[0, 0].facts["blocks"]
    found: dict[tuple[str, str], list[str]] = {}
    for quantity in dict.fromkeys(asked.quantities):
        name, own = quantity.name, asked.names.get(quantity.word)
        if own and own != quantity.title:
            name = _("{own} ({quantity})", own=own, quantity=quantity.name)
        what: str = quantity.kind
        if what not in _WHAT:
            what = "channel" if quantity.channel is not None else "mean"
        found.setdefault((what, name), []).append(blocks.get(quantity.word, ""))
    return [
        _(_WHAT[what], name=name, block=enumeration(dict.fromkeys(places)), first=networks[0], count=len(STOPS))
        for (what, name), places in found.items()
    ]


def _network(asked: Description, n: int, title: str, looks: Looks) -> str:
    facts = looks[0, n].facts
    said = {"title": title, "network": facts["title"], "weights": facts["weights"]}
    sentence = _("{title}: {network}, weights {weights}.", **said)
    if facts["e_lambda"]:
        sentence = _("{title}: {network}, weights {weights}, {e_lambda}.", **said, e_lambda=facts["e_lambda"])
    told = [sentence]
    if facts["e_lambda"] and asked.fixed_mean and n == 0:
        told.append(_("Every channel keeps the mean weight that it has at the trained λ."))
    if facts["hypothetical"] and n == 0:
        told.append(_("It has no SimAM: its weights and energies are hypothetical."))
    if facts["remarks"]:
        told.append(_("Of this network: {remarks}.", remarks=facts["remarks"]))
    return together(*told)


def _classes(asked: Description, photos: Sequence[Picture], looks: Looks) -> list[str]:
    if not any(quantity.method or quantity.kind == "sweep" for quantity in asked.quantities):
        return []
    named = [
        _("{photo}: “{target}”", photo=photo.name, target=looks[p, 0].facts["target"]) for p, photo in enumerate(photos)
    ]
    how = _("the class that was chosen") if asked.target else _("the class that the first network predicts")
    if asked.box is not None:
        how = _("the class of box {number} that the first network finds", number=asked.box + 1)
    if asked.reference:
        how = _("the similarity to {reference}", reference=asked.reference)
    if asked.against:
        how = _("{how}, rather than “{against}”", how=how, against=asked.against)
    told = [_("Explained is {how}; {classes}.", how=how, classes=comma().join(named))]
    region = asked.asked_region
    if region == "predicted":
        told.append(_("It is explained where it is predicted."))
    elif region is not None:
        told.append(_("It is explained at row {row}, column {column} of the input.", row=region[0], column=region[1]))
    return told


def _colours(asked: Description, cells: Sequence[Cell], networks: Sequence[str], looks: Looks) -> list[str]:
    scales = panels.scales(asked, cells, looks)
    if not scales:
        return []
    if asked.own_range:
        return [_("The colours of each map run from its own least to its own greatest value.")]
    labels = [scale.label for scale in dict.fromkeys(scales.values())]
    ranges = []
    for scale in dict.fromkeys(scales.values()):
        said = {"low": _number(scale.low), "high": _number(scale.high), "colours": scale.colours}
        if labels.count(scale.label) > 1:
            of = dict.fromkeys(networks[cell.network] for cell, own in scales.items() if own == scale)
            said["network"] = enumeration(of)
            ranges.append(_("{quantity} of {network} from {low} to {high} ({colours})", quantity=scale.label, **said))
        else:
            ranges.append(_("{quantity} from {low} to {high} ({colours})", quantity=scale.label, **said))
    return [_("Colours: {ranges}.", ranges=semicolon().join(ranges))]


def _number(value: float) -> str:
    return f"{value:.3g}".replace("-", "−")


def _maps(asked: Description) -> list[str]:
    if not any(quantity.is_map for quantity in asked.quantities):
        return []
    told = [
        _("Maps are enlarged by bicubic interpolation.")
        if asked.upsampling == "smooth"
        else _("Maps are shown with their true cells.")
    ]
    if asked.drawn != "map":
        told.append(
            _("They lie over the photo in grey at an opacity of {share:.0%}.", share=asked.opacity)
            if asked.photo == "grey"
            else _("They lie over the photo at an opacity of {share:.0%}.", share=asked.opacity)
        )
    return told


def _crops(photos: Sequence[Picture], networks: Sequence[str], looks: Looks) -> list[str]:
    """What of each photo each network sees: in one sentence where that is the same of all."""
    found: dict[str, list[tuple[int, int]]] = {}
    for p, photo in enumerate(photos):
        for n in range(len(networks)):
            found.setdefault(_crop(photo, looks[p, n].facts), []).append((p, n))
    if len(found) == 1:
        return list(found)
    told = []
    for sentence, places in found.items():
        of = dict.fromkeys(photos[p].name for p, _n in places)
        by = dict.fromkeys(networks[n] for _p, n in places)
        if len(by) == len(networks):
            told.append(_("{photos}: {sentence}", photos=enumeration(of), sentence=sentence))
        else:
            said = {"photos": enumeration(of), "networks": enumeration(by)}
            told.append(_("{photos} in {networks}: {sentence}", **said, sentence=sentence))
    return told


def _crop(photo: Picture, facts: dict[str, Any]) -> str:
    width, height = facts["shape"]
    said = {"width": width, "height": height}
    if photo.square == "whole":
        return _("The network sees all of the photo, on its mean colour, at {width} × {height} pixels.", **said)
    if facts["whole"]:
        return _("The network sees all of the photo, on grey, at {width} × {height} pixels.", **said)
    left, top, right, bottom = facts["box"]
    across, down = round(right - left), round(bottom - top)
    if (across, down) == photo.image.size:
        return _("The network sees all of the photo at {width} × {height} pixels.", **said)
    if photo.square is not None:
        return _(
            "The network sees {columns} × {rows} of the photo's {all_columns} × {all_rows} pixels, from column {left} and row "
            "{top} on, at {width} × {height}.",
            **said, columns=across, rows=down, left=round(left), top=round(top),
            all_columns=photo.image.width, all_rows=photo.image.height,
        )  # fmt: skip
    return _(
        "The network sees the middle {columns} × {rows} of the photo's {all_columns} × {all_rows} pixels, at {width} × {height}.",
        **said, columns=across, rows=down, all_columns=photo.image.width, all_rows=photo.image.height,
    )  # fmt: skip


def _resolution(cells: Sequence[Cell], looks: Looks) -> str:
    if panels.shrinking(cells, looks) >= 1:
        return _("Pictures are at the photo's own resolution.")
    return counted(
        "The picture is smaller than the photo, which would outgrow the memory.",
        "The {count} pictures are smaller than the photos, which together would outgrow the memory.",
        len(cells),
    )
