"""Private copies: of whatever a network holds beside its children, and never so that a pass through the copy changes it."""

from __future__ import annotations

import dataclasses
import functools
import logging
import threading
import weakref
from collections import OrderedDict, defaultdict, deque, namedtuple
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn.utils import parametrizations, parametrize, spectral_norm, weight_norm

import simam_viz
from simam_viz import SimAM, insert_simam
from simam_viz.networks.counting import count_parameters, multiply_adds
from simam_viz.networks.shared import private_copy, shared_copy

IMAGE = Image.effect_noise((48, 48), 90).convert("RGB")
Pair = namedtuple("Pair", ["first", "second"])


class Small(nn.Module):
    """A network of one's own with an attention in the middle, and something else as a plain attribute."""

    def __init__(self, **extra: Any) -> None:
        super().__init__()
        self.first, self.attention = nn.Conv2d(3, 6, 3, 2, 1), SimAM(0.1)
        self.second, self.head = nn.Conv2d(6, 8, 3, 2, 1), nn.Linear(8, 4)
        for name, value in extra.items():
            setattr(self, name, value)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.second(self.attention(self.first(x))))
        return self.head(x.mean((2, 3)))


class Undecided:
    def __bool__(self) -> bool:
        raise RuntimeError("neither true nor false")

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("not to be compared")

    __hash__ = None


class NotToBeCopied:
    def __deepcopy__(self, memo: dict) -> NotToBeCopied:
        raise TypeError("one is enough")


class Slotted:
    __slots__ = ("held",)

    def __init__(self) -> None:
        self.held = torch.zeros(2)


@dataclasses.dataclass
class Settings:
    strides: Tensor
    names: list[str] = dataclasses.field(default_factory=list)


def endless() -> Iterator[int]:
    while True:
        yield 1


def grown() -> Tensor:
    """A tensor that autograd made, which deepcopy refuses."""
    return torch.ones(3, requires_grad=True) * 2


EXTRAS: dict[str, Callable[[], Any]] = {
    "a tensor": lambda: torch.tensor([8.0, 16.0, 32.0]),
    "an empty tensor": lambda: torch.empty(0),
    "a tensor on no device": lambda: torch.empty(3, device="meta"),
    "a tensor that autograd made": grown,
    "a leaf that asks for gradients": lambda: torch.ones(3, requires_grad=True),
    "an inference tensor": lambda: torch.inference_mode()(lambda: torch.ones(3))(),
    "an array": lambda: np.arange(6.0),
    "an empty array": lambda: np.zeros(0),
    "a list of tensors": lambda: [torch.ones(2), grown()],
    "a dict of tensors": lambda: {"a": torch.ones(2), torch.float32: [grown()]},
    "a named tuple of tensors": lambda: Pair(torch.ones(2), grown()),
    "a data class with a tensor": lambda: Settings(grown()),
    "a namespace": lambda: SimpleNamespace(a=torch.ones(2), b=threading.Lock()),
    "an object with slots": Slotted,
    "what is neither true nor false": Undecided,
    "a list of such": lambda: [Undecided()],
    "what refuses to be copied": NotToBeCopied,
    "a lock": threading.Lock,
    "a condition": threading.Condition,
    "a thread's own data": threading.local,
    "an open file": lambda: open(__file__, encoding="utf-8"),  # noqa: SIM115
    "a generator": endless,
    "a generator of random numbers": torch.Generator,
    "a function without a name": lambda: lambda x: x,
    "a partial function": lambda: functools.partial(torch.mul, torch.ones(1)),
    "a logger": lambda: logging.getLogger("x"),
    "a python module": lambda: np,
    "a class": lambda: nn.Conv2d,
    "a weak reference to nothing": lambda: weakref.ref(nn.Conv2d(1, 1, 1)),
    "containers": lambda: [deque([1], 3), defaultdict(list, a=[1]), OrderedDict(a={1, 2}), frozenset({1}), (1, [2])],
    "modules in a list": lambda: [nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)],
    "modules in a dict": lambda: {"teacher": simam_viz.create_model("resnet18", "simam", 3)},
    "parameters in a list": lambda: [nn.Parameter(torch.ones(2))],
}


@pytest.mark.parametrize("extra", EXTRAS)
def test_whatever_is_kept_beside_the_children(extra: str) -> None:
    torch.manual_seed(0)
    model = Small(extra=EXTRAS[extra]()).eval()
    with torch.no_grad():
        loaded = simam_viz.wrap(model, input_size=32)
        expected = model(loaded.transforms(IMAGE)[None])[0]
    assert torch.equal(simam_viz.analyze(loaded, IMAGE).logits, expected)
    with torch.inference_mode():
        assert torch.equal(simam_viz.analyze(loaded, IMAGE).logits, expected)
    inserted = insert_simam(model, "second")
    assert len([m for m in inserted.modules() if isinstance(m, SimAM)]) == 2
    assert next(inserted.parameters()) is next(model.parameters())
    assert multiply_adds(model, 32) == 16 * 16 * 6 * 27 + 8 * 8 * 8 * 54 + 8 * 4
    copy = shared_copy(model)
    assert type(copy.extra) is type(model.extra) and count_parameters(copy) == count_parameters(model)


def test_shared_is_what_cannot_be_copied_and_copied_what_a_pass_may_write() -> None:
    lock, own = threading.Lock(), NotToBeCopied()
    model = Small(lock=lock, own=own, grid=torch.zeros(2), nested={"a": [grown()]}, array=np.zeros(2), function=grown)
    copy = shared_copy(model)
    assert copy.lock is lock and copy.own is own and copy.function is grown
    copy.grid += 1
    copy.array += 1
    copy.nested["a"][0] += 1
    assert not model.grid.any() and not model.array.any() and model.nested["a"][0].tolist() == [2, 2, 2]
    assert not copy.nested["a"][0].requires_grad


class Writes(Small):
    """Keeps count of its passes in every way there is."""

    def __init__(self) -> None:
        super().__init__()
        self.plain, self.numbers, self.listed = torch.zeros(1), np.zeros(1), [torch.zeros(1)]
        self.register_buffer("counter", torch.zeros(1))
        self.register_buffer("kept", torch.zeros(1), persistent=False)
        self.hidden = [nn.BatchNorm2d(3)]  # in training mode, as eval() does not find it
        self.seen: list[Tensor] = []
        self.latest = None

    def forward(self, x: Tensor) -> Tensor:
        for one in (self.plain, self.numbers, self.listed[0], self.counter, self.kept):
            one += 1
        self.hidden[0](x)
        self.seen.append(x)
        self.latest = x
        return super().forward(x)


def test_analysing_leaves_whatever_a_pass_writes() -> None:
    model = Writes().eval()
    loaded = simam_viz.wrap(model, input_size=32)
    simam_viz.analyze(loaded, IMAGE)
    simam_viz.analyze_lambdas(loaded, IMAGE, [0.1, 1.0])
    analyses = simam_viz.compare(loaded, IMAGE, fixed_mean=True)
    list(simam_viz.faithfulness(loaded, analyses["on"], {"a": torch.rand(4, 4)}))
    for one in (model.plain, model.numbers, model.listed[0], model.counter, model.kept):
        assert float(one[0]) == 0
    assert not model.hidden[0].running_mean.any() and model.hidden[0].num_batches_tracked == 0
    assert model.seen == [] and model.latest is None


class Family(nn.Module):
    """Modules that point at each other past the tree."""

    def __init__(self) -> None:
        super().__init__()
        self.child = Small()
        self.child.parent = [self]
        self.child.parent_reference = weakref.ref(self)
        self.child.__dict__["parent_proxy"] = weakref.proxy(self)
        self.child.sibling = {"later": None}
        self.later = nn.Conv2d(3, 3, 1)
        self.child.sibling["later"] = self.later
        self.step = self.later.forward
        self.partial = functools.partial(self.later.forward)
        self.holder = SimpleNamespace(module=self.later, lock=threading.Lock())
        self.record = Recorder(self.later)
        self.later.register_forward_hook(self.record.note)
        self.child.register_forward_pre_hook(self.before)

    def before(self, module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        self.times = getattr(self, "times", 0) + 1

    def forward(self, x: Tensor) -> Tensor:
        return self.child(self.later(x))


class Recorder:
    def __init__(self, module: nn.Module) -> None:
        self.module, self.noted, self.lock = module, [], threading.Lock()

    def note(self, module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        self.noted.append((module, output))


def test_what_points_at_a_module_points_at_its_copy() -> None:
    model = Family().eval()
    model(torch.rand(1, 3, 32, 32))
    copy = shared_copy(model)
    child = copy.child
    assert child.parent[0] is child.parent_reference() is copy and child.parent_proxy.child is child
    assert child.sibling["later"] is copy.later is copy.holder.module is copy.record.module is copy.step.__self__
    assert copy.partial.func.__self__ is copy.later
    assert copy.holder.lock is model.holder.lock
    before = len(model.record.noted), model.times
    copy(torch.rand(1, 3, 32, 32))
    assert (len(model.record.noted), model.times) == before
    assert copy.record.noted[-1][0] is copy.later and copy.times == model.times + 1


class Halving(nn.Module):
    def forward(self, weight: Tensor) -> Tensor:
        return weight / 2


class CopiesItself(nn.Conv2d):
    """Its way to be copied keeps track of how often."""

    copies = 0

    def __deepcopy__(self, memo: dict) -> CopiesItself:
        made = CopiesItself(6, 8, 3, 2, 1)
        made.copies = self.copies + 1
        made.weight, made.bias = memo[id(self.weight)], memo[id(self.bias)]
        return made


class Refuses(nn.Conv2d):
    def __deepcopy__(self, memo: dict) -> Refuses:
        raise TypeError("there is one of me")


class LeavesOut(nn.Conv2d):
    """Says itself what of it is to be saved, as modules with a lock do."""

    def __init__(self, *arguments: int) -> None:
        super().__init__(*arguments)
        self.lock = threading.Lock()

    def __getstate__(self) -> dict[str, object]:
        return {name: value for name, value in vars(self).items() if name != "lock"}

    def __setstate__(self, state: dict[str, object]) -> None:
        super().__setstate__(state)
        self.lock = threading.Lock()


def second() -> nn.Conv2d:
    return nn.Conv2d(6, 8, 3, 2, 1)


def halved() -> nn.Module:
    module = second()
    module.lock = threading.Lock()
    parametrize.register_parametrization(module, "weight", Halving())
    return module


KINDS: dict[str, Callable[[], nn.Module]] = {
    "a parametrization, beside a lock": halved,
    "weight_norm": lambda: parametrizations.weight_norm(second()),
    "spectral_norm": lambda: parametrizations.spectral_norm(second()),
    "weight_norm of old": lambda: weight_norm(second()),
    "spectral_norm of old": lambda: spectral_norm(second()),
    "its own way to be copied": lambda: CopiesItself(6, 8, 3, 2, 1),
    "its own state": lambda: LeavesOut(6, 8, 3, 2, 1),
}


@pytest.mark.parametrize("kind", KINDS)
def test_modules_of_unusual_kinds(kind: str) -> None:
    torch.manual_seed(0)
    model = Small()
    model.second = KINDS[kind]()
    model(torch.rand(1, 3, 32, 32))
    model.eval()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    loaded = simam_viz.wrap(model, input_size=32)
    with torch.no_grad():
        expected = model(loaded.transforms(IMAGE)[None])[0]
    torch.testing.assert_close(simam_viz.analyze(loaded, IMAGE).logits, expected)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    shared = {parameter.data_ptr() for parameter in model.parameters()}
    assert {parameter.data_ptr() for parameter in shared_copy(model).parameters()} == shared
    inserted = insert_simam(model, "first").eval()
    assert inserted(torch.rand(1, 3, 32, 32)).isfinite().all()
    assert isinstance(model.second, type(model.second)) and multiply_adds(model, 32) > 0


def test_a_recurrent_part_runs_on_shared_weights() -> None:
    class Recurrent(Small):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.LSTM(8, 4, batch_first=True)

        def forward(self, x: Tensor) -> Tensor:
            x = self.second(self.attention(self.first(x))).flatten(2).mT
            return self.head(x)[0][:, -1]

    model = Recurrent().eval()
    loaded = simam_viz.wrap(model, list("abcd"), 32)
    with torch.no_grad():
        torch.testing.assert_close(simam_viz.analyze(loaded, IMAGE).logits, model(loaded.transforms(IMAGE)[None])[0])


def test_a_module_that_cannot_be_copied_is_named() -> None:
    model = Small()
    model.second = Refuses(6, 8, 3, 2, 1)
    with pytest.raises(ValueError, match=r"Refuses that cannot be copied \(there is one of me\)"):
        simam_viz.analyze(simam_viz.wrap(model, input_size=32), IMAGE)


def test_a_convolution_in_two_places_gets_one_simam_in_both() -> None:
    model = nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.ReLU(), nn.Identity())
    model[2] = model[0]
    inserted = insert_simam(model, r"\d")
    assert inserted[0] is inserted[2] and isinstance(inserted[2][1], SimAM)
    assert isinstance(insert_simam(model, "2")[2][1], SimAM)
    assert not [m for m in model.modules() if isinstance(m, SimAM)]


def test_a_buffer_of_several_modules_stays_one() -> None:
    model = Writes().eval()
    model.first.register_buffer("counter", model.counter)
    copy = private_copy(model)
    assert copy.first.counter is copy.counter is not model.counter
