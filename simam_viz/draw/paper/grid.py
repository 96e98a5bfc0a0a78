"""Which panel of a figure stands where: photos × networks × quantities as rows and columns, with what is written beside them."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from .description import Description
from .quantities import Quantity


@dataclass(frozen=True)
class Cell:
    """One panel."""

    photo: int
    network: int
    quantity: Quantity
    bare: bool = False
    """A map by itself, and not over the photo."""


@dataclass(frozen=True)
class Span:
    """Words above several columns, from the first to the last of them."""

    text: str
    first: int
    last: int


Row = tuple[Cell | None, ...]
"""``None`` is an empty place."""


@dataclass(frozen=True)
class Band:
    """Columns that stand side by side, with what is written above them."""

    cells: tuple[Row, ...]
    groups: tuple[str, ...]
    """What each column belongs to; empty where no words span several."""
    heads: tuple[str, ...]
    """Above each column, below the spans."""
    sides: tuple[str, ...]
    """Beside each row."""

    @property
    def spans(self) -> tuple[Span, ...]:
        """Words above neighbours that belong together."""
        found = []
        for text, group in itertools.groupby(range(len(self.groups)), key=self.groups.__getitem__):
            columns = list(group)
            found.append(Span(text, columns[0], columns[-1]))
        return tuple(found)


@dataclass(frozen=True)
class Grid:
    """All panels: bands, one below the other."""

    bands: tuple[Band, ...]

    @property
    def columns(self) -> int:
        """How many stand side by side at most."""
        return max(len(band.heads) for band in self.bands)

    @property
    def panels(self) -> list[Cell]:
        """In reading order."""
        return [cell for band in self.bands for row in band.cells for cell in row if cell is not None]

    @property
    def cells(self) -> tuple[Row, ...]:
        """Row by row."""
        return tuple(row for band in self.bands for row in band.cells)


def arranged(asked: Description, photos: Sequence[str], networks: Sequence[str], absent: Collection[Cell] = ()) -> Grid:
    """The grid of a figure.

    Args:
        asked: the figure.
        photos: what they are called.
        networks: what they are called.
        absent: panels of what a network does not have: a row or a column of nothing else takes no room.
    """
    faces = [
        (quantity, bare)
        for quantity in asked.quantities
        for bare in ([False, True] if quantity.is_map and asked.drawn == "both" else [asked.drawn == "map"])
    ]
    arrange = {"photos": _by_photo, "networks": _by_network, "quantities": _by_quantity}[asked.rows]
    return _in_bands(_without(arrange(asked, faces, photos, networks), absent), asked.across)


Faces = Sequence[tuple[Quantity, bool]]


def _networks_of(quantity: Quantity, count: int) -> range:
    """Which networks have a panel of it: of a photo one for all, of a difference all but the one that is compared with."""
    return {0: range(1), 1: range(count), 2: range(1, count)}[quantity.needs_networks]


def _by_photo(asked: Description, faces: Faces, photos: Sequence[str], networks: Sequence[str]) -> Band:
    columns = [(quantity, bare, n) for quantity, bare in faces for n in _networks_of(quantity, len(networks))]
    cells = tuple(tuple(Cell(p, n, quantity, bare) for quantity, bare, n in columns) for p in range(len(photos)))
    sides = tuple(photos) if len(photos) > 1 else ("",) * len(photos)
    titles = tuple(asked.title(quantity) for quantity, _bare, _n in columns)
    if len(networks) == 1:
        return Band(cells, (), titles, sides)
    heads = tuple("" if not quantity.needs_networks else networks[n] for quantity, _bare, n in columns)
    return Band(cells, titles, heads, sides)


def _by_network(asked: Description, faces: Faces, photos: Sequence[str], networks: Sequence[str]) -> Band:
    rows = [(p, n) for p in range(len(photos)) for n in range(len(networks))]
    cells = tuple(
        tuple(
            Cell(p, n, quantity, bare) if n in _networks_of(quantity, len(networks)) else None
            for quantity, bare in faces
        )
        for p, n in rows
    )
    several = len(photos) > 1
    sides = tuple(f"{photos[p]}\n{networks[n]}" if several else networks[n] for p, n in rows)
    return Band(cells, (), tuple(asked.title(quantity) for quantity, _bare in faces), sides)


def _by_quantity(asked: Description, faces: Faces, photos: Sequence[str], networks: Sequence[str]) -> Band:
    columns = [(p, n) for p in range(len(photos)) for n in range(len(networks))]
    cells = tuple(
        tuple(Cell(p, n, quantity, bare) if n in _networks_of(quantity, len(networks)) else None for p, n in columns)
        for quantity, bare in faces
    )
    sides = tuple(asked.title(quantity) for quantity, _bare in faces)
    names = tuple(photos[p] if len(photos) > 1 else "" for p, _n in columns)
    if len(networks) == 1:
        return Band(cells, (), names, sides)
    return Band(cells, names if len(photos) > 1 else (), tuple(networks[n] for _p, n in columns), sides)


def _without(band: Band, absent: Collection[Cell]) -> Band:
    """The same without rows and columns in which no network has anything; all of it where nothing would be left."""

    def there(cells: Sequence[Cell | None]) -> bool:
        return any(cell is not None and cell not in absent for cell in cells)

    rows = [index for index, row in enumerate(band.cells) if there(row)]
    columns = [index for index, column in enumerate(zip(*band.cells, strict=True)) if there(column)]
    if not rows:
        return band
    return Band(
        tuple(tuple(band.cells[row][column] for column in columns) for row in rows),
        tuple(band.groups[column] for column in columns) if band.groups else (),
        tuple(band.heads[column] for column in columns),
        tuple(band.sides[row] for row in rows),
    )


def _in_bands(band: Band, across: int) -> Grid:
    if not across or len(band.heads) <= across:
        return Grid((band,))
    parts = [slice(start, start + across) for start in range(0, len(band.heads), across)]
    return Grid(
        tuple(
            replace(
                band, cells=tuple(row[part] for row in band.cells), groups=band.groups[part], heads=band.heads[part]
            )
            for part in parts
        )
    )


def letter(style: str, index: int) -> str:
    """What the panel of this number is called: a to z, then aa."""
    if style == "none":
        return ""
    text = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        text = chr(ord("a") + rest) + text
    return {"a": text, "A": text.upper(), "(a)": f"({text})"}[style]
