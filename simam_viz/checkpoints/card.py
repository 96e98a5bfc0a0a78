"""A checkpoint's card: what is known of a network beyond its tensors, every entry checked where it is read."""

from __future__ import annotations

import builtins
import json
import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from ..wording import _, enumeration
from .weights_file import CheckpointError, shown

MAX_BYTES = 2**22
"""A card is a page of text."""

# The bounds also keep out NaN and infinity, which Python's JSON reads.
Number = Annotated[float, Meta(ge=-1e30, le=1e30)]
Positive = Annotated[float, Meta(ge=1e-30, le=1e30)]
Percent = Annotated[float, Meta(ge=0, le=100)]
Count = Annotated[int, Meta(ge=0, le=2**53)]
Pixels = Annotated[int, Meta(ge=1, le=100_000)]
InputSize = Annotated[int, Meta(ge=32, le=4096)]
Text = Annotated[str, Meta(max_length=20_000)]
Name = Annotated[str, Meta(max_length=1_000)]
Index = Annotated[str, Meta(pattern=r"^[0-9]{1,6}$")]
"""A whole number as JSON has it for a key."""


class _Entry(Struct, frozen=True, omit_defaults=True): ...


class Normalisation(_Entry, frozen=True):
    """Of the network's input, by channel."""

    mean: tuple[Number, Number, Number] | None = None
    std: tuple[Positive, Positive, Positive] | None = None


class Accuracy(_Entry, frozen=True):
    """In percent, over so many images."""

    top1: Percent
    top5: Percent
    images: Count
    input_size: Pixels
    how: Text | None = None


class PublishedAccuracy(_Entry, frozen=True):
    """As published elsewhere, in percent."""

    top1: Percent
    top5: Percent
    images: Count


class SizeAccuracy(_Entry, frozen=True):
    """At one input size, in percent."""

    top1: Percent
    top5: Percent


class AccuracyBySize(_Entry, frozen=True):
    """At several input sizes, over so many images."""

    images: Count | None = None
    how: Text | None = None
    values: dict[Index, SizeAccuracy] = {}
    """By the side of the input in pixels."""


class Reading(_Entry, frozen=True):
    """What an earlier reading of the validation images gave."""

    top1: Percent
    top5: Percent
    input_size: Pixels
    preprocessing: Text


class Epoch(_Entry, frozen=True, kw_only=True):
    """One epoch of the training: input size, mean loss, and accuracy on held-out images in percent."""

    epoch: Count
    px: Pixels
    seconds: Number = 0.0
    train_loss: Number
    top1: Percent
    top5: Percent


class ConfusedPair(_Entry, frozen=True):
    """A class that is taken for another one on so many images."""

    true: Name
    predicted: Name
    images: Count


class PointingGame(_Entry, frozen=True):
    """How often the peak of Grad-CAM, and the middle of the image, lie in the object's box, in percent."""

    grad_cam: Percent
    centre: Percent
    images: Count
    how: Text | None = None


class RightAnswers(_Entry, frozen=True):
    """Which images of a data set were answered rightly, in an order that is told."""

    order: Name
    images: Count
    bits: str
    """Base64, a bit an image."""


class KnownLogits(_Entry, frozen=True):
    """Logits of the samples, for whoever loads the file to check."""

    input_size: Pixels
    tolerance: Positive
    values: dict[Name, dict[Index, Number]]
    """By sample and class number."""


class TwinDifference(_Entry, frozen=True, kw_only=True):
    """Top-1 of the first minus top-1 of the second, in percentage points, with its 95 % interval."""

    first: Name
    second: Name
    difference: Number
    low: Number
    high: Number
    only_first: Count | None = None
    only_second: Count | None = None
    images: Count
    input_sizes: dict[Name, Pixels]
    how: Text | None = None

    def __post_init__(self) -> None:
        if not {self.first, self.second} <= self.input_sizes.keys():
            raise ValueError("it has no input size for one of the two")

    @property
    def decided(self) -> bool:
        """Whether the interval leaves 0 out."""
        return not self.low <= 0 <= self.high

    @property
    def swapped(self) -> TwinDifference:
        """The second minus the first."""
        return TwinDifference(
            first=self.second,
            second=self.first,
            difference=-self.difference,
            low=-self.high,
            high=-self.low,
            only_first=self.only_second,
            only_second=self.only_first,
            images=self.images,
            input_sizes=self.input_sizes,
            how=self.how,
        )


class Card(Struct, frozen=True, kw_only=True, omit_defaults=True, dict=True):
    """What a card says; ``None``, or empty, where it says nothing.

    It is also a read-only mapping of what it does say, as plain types: ``card["arch"]``, ``card.get("twin")``, ``"seed" in
    card``, ``dict(card)``; ``card | entries`` is another card.
    """

    title: Annotated[str, Meta(max_length=300)] | None = None
    arch: Name | None = None
    attention: Name | None = None
    trained_with_simam: bool | UnsetType | None = UNSET
    """``None``: the card says that it is not known."""
    simam_at: tuple[Name, ...] | None = None
    """Behind which layers or blocks of the plain network SimAM stands, by their names (``"layer4.0.conv2"``)."""
    e_lambda: Positive | dict[Name, Positive] | None = None
    """λ of every SimAM; or of each, by its place among ``simam_at``."""
    num_classes: Annotated[int, Meta(ge=1)] | None = None
    part: Name | None = None
    """Which network of the file is meant, where it holds several."""
    forward_pass: Text | None = None
    """Whose forward pass the weights were trained with: names and shapes of tensors do not tell."""
    input_size: InputSize | None = None
    input_sizes: Annotated[tuple[InputSize, ...], Meta(max_length=64)] = ()
    normalisation: Normalisation | None = None
    preprocessing: Text | None = None
    wnids: tuple[Name, ...] = ()
    categories: tuple[Name, ...] | None = None
    recipe_settings: dict[Name, Any] = {}
    training_images: Count | None = None
    trained_on: Text | None = None
    data_terms: Text | None = None
    recipe: Text | None = None
    command: Text | None = None
    epochs: Count | None = None
    seed: int | None = None
    training_seconds: Annotated[float, Meta(ge=0, le=1e12)] | None = None
    hardware: Text | None = None
    curves: Annotated[tuple[Epoch, ...], Meta(max_length=10_000)] = ()
    input_size_rule: Text | None = None
    accuracy_by_input_size: AccuracyBySize | None = None
    accuracy_on_sharp_photos: AccuracyBySize | None = None
    """On full-size photos, as people upload them, which the data set's own images are not."""
    accuracy: Accuracy | None = None
    published_accuracy: PublishedAccuracy | None = None
    temperature: Annotated[float, Meta(ge=0.01, le=100)] | None = None
    """What logits are divided by before they become probabilities."""
    expected_calibration_error: Percent | None = None
    """Of those probabilities."""
    class_accuracy: tuple[Percent | None, ...] = ()
    confused_pairs: tuple[ConfusedPair, ...] = ()
    pointing_game: PointingGame | None = None
    right_answers: RightAnswers | None = None
    known_logits: KnownLogits | None = None
    parameters: Count | None = None
    multiply_adds: Count | None = None
    parameter_names: Text | None = None
    file: Name | None = None
    sha256: Name | None = None
    bytes: Count | None = None
    earlier_readings: tuple[Reading, ...] = ()
    limits: Text | None = None
    source: Text | None = None
    twin: Name | None = None
    twin_difference: TwinDifference | None = None
    sibling_differences: tuple[TwinDifference, ...] = ()
    """From every network that was trained alike with another attention; intervals corrected for all their pairs."""
    more: dict[str, Any] = {}
    """Entries that mean nothing here, kept as they are."""

    @classmethod
    def of(cls, entries: Mapping[str, Any], name: str = "") -> Card:
        """A card from its entries, of plain types, as its file called ``name`` has them.

        Raises:
            CheckpointError: an entry makes no sense; the sentence names it.
        """
        # null is no statement, but for the one entry where it says that nobody knows.
        said = {
            str(entry): value for entry, value in entries.items() if value is not None or entry == "trained_with_simam"
        }
        known = {entry: value for entry, value in said.items() if entry in _ENTRIES}
        more = {entry: value for entry, value in said.items() if entry not in _ENTRIES}
        try:
            card = msgspec.convert(known | {"more": more}, cls)
            json.dumps(card.entries, allow_nan=False)
            return card
        except (msgspec.ValidationError, ValueError, TypeError, RecursionError) as error:
            path = re.search(r"`\$\.?(.*)`$", str(error))
            entry = shown(path[1]) if path and path[1] else enumeration(map(shown, more)) or "recipe_settings"
            if not name:
                raise CheckpointError(
                    _("The entry {entry} of the card makes no sense; mend or remove it.", entry=entry)
                ) from None
            raise CheckpointError(
                _("The entry {entry} of the card {card} makes no sense; mend or remove it.", entry=entry, card=name)
            ) from None

    @classmethod
    def read(cls, data: builtins.bytes, name: str) -> Card:
        """The card in a file of that name; ``CheckpointError`` if it is no JSON object, or as :meth:`of` raises it."""
        try:
            content = json.loads(data.decode("utf-8-sig")) if len(data) <= MAX_BYTES else None
        except (ValueError, RecursionError):
            content = None
        if not isinstance(content, dict):
            raise CheckpointError(_("The card {card} is not a JSON object; mend or remove it.", card=name))
        return cls.of(content, name)

    @property
    def text(self) -> str:
        """The card as its file has it."""
        return json.dumps(self.entries, indent=1, ensure_ascii=False) + "\n"

    @cached_property
    def entries(self) -> dict[str, Any]:
        """What the card says, of plain types. Not to be changed."""
        said = msgspec.to_builtins(self)
        more = said.pop("more", {})
        entries: dict[str, Any] = json.loads(json.dumps(said | more))
        return entries

    def __getitem__(self, entry: str) -> Any:
        return self.entries[entry]

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def __contains__(self, entry: object) -> bool:
        return entry in self.entries

    def get(self, entry: str, default: Any = None) -> Any:
        """What the card says under a name, as a plain type; ``default`` where it says nothing."""
        return self.entries.get(entry, default)

    def keys(self) -> Any:
        """The names of what it says."""
        return self.entries.keys()

    def values(self) -> Any:
        """What it says, as plain types."""
        return self.entries.values()

    def items(self) -> Any:
        """Names and what is said under them."""
        return self.entries.items()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Mapping) and self.entries == dict(other)

    def __hash__(self) -> int:
        return hash(self.text)

    def __or__(self, entries: Mapping[str, Any] | Card) -> Card:
        return Card.of({**self.entries, **entries})


Mapping.register(Card)
_ENTRIES = frozenset(Card.__struct_fields__) - {"more"}
# msgspec learns a type when it first converts to it, and a second thread that comes meanwhile crashes the process (0.22): it learns
# while this module is imported, when there is one thread.
msgspec.convert({}, Card)
