"""Networks that a person's own Python code makes: ``mycode.py:make_net``, from their own command line alone, never an upload."""

from __future__ import annotations

import contextlib
import importlib
import importlib.machinery
import importlib.util
import inspect
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

from torch import nn

from ..wording import _, counted, enumeration

_MOST_NAMES = 8
"""So many of a file's names stand in a sentence."""


def constructor(source: str) -> Callable[[], nn.Module]:
    """What makes the network that ``source`` names; importing it runs the person's code.

    Args:
        source: a Python file and a name in it, ``"mycode.py:make_net"``, or a module and a name, ``"package.module:make_net"``.
            The name is that of a function without required arguments, of a subclass of ``nn.Module``, or of a network. While
            the code runs, its folder (the current one, for a module) is first on ``sys.path``.

    Returns:
        A function that makes the network (the same one each time, where the name is that of a network), as its code leaves
        it. It raises ``ValueError`` where that code fails or gives no network.

    Raises:
        ValueError: no such file or name, the code raised an error (``__cause__`` is that error), or the name stands for
            nothing that makes a network; one plain sentence.
    """
    place, _colon, name = source.rpartition(":")
    # Behind the only colon of C:\nets\mine.py stands no name.
    if not place or not name.isidentifier():
        raise ValueError(
            _(
                "{source!r} names no network: write the file, a colon and the name of what makes it, as in mycode.py:make_net.",
                source=source,
            )
        )
    path = Path(place).expanduser()
    by_path = place.endswith(".py") or path.is_file() or len(path.parts) > 1
    folder = path.resolve().parent if by_path else Path.cwd()
    module = _from_file(path, folder) if by_path else _from_name(place, folder)
    return _maker(source, module, name, folder)


def _from_file(path: Path, folder: Path) -> ModuleType:
    if not path.is_file():
        raise ValueError(_("There is no file {file}.", file=str(path)))
    # By its own name, so that its classes say where they come from; but not in the place of a module that others use.
    name = path.stem
    known = sys.modules.get(name)
    if known is not None and getattr(known, "__file__", None) != str(path.resolve()):
        name = f"own_{name}"
    # A loader by hand: the file need not end in .py.
    loader = importlib.machinery.SourceFileLoader(name, str(path.resolve()))
    specification = importlib.util.spec_from_file_location(name, path.resolve(), loader=loader)
    assert specification is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module  # dataclasses, and whatever the file imports, look for it there
    try:
        with _first_on_the_path(folder):
            loader.exec_module(module)
    except (Exception, SystemExit) as error:
        sys.modules.pop(name, None)
        if known is not None:
            sys.modules[name] = known
        _tell(str(path), error, folder)
    return module


def _from_name(name: str, folder: Path) -> ModuleType:
    try:
        with _first_on_the_path(folder):
            return importlib.import_module(name)
    except (Exception, SystemExit) as error:
        missing = isinstance(error, ModuleNotFoundError) and error.name is not None
        if missing and f"{name}.".startswith(f"{error.name}."):  # type: ignore[union-attr]
            raise ValueError(
                _("There is no module {name} here; a file is named with its ending .py.", name=name)
            ) from None
        _tell(name, error, folder)


def _maker(source: str, module: ModuleType, name: str, folder: Path) -> Callable[[], nn.Module]:
    try:
        found = getattr(module, name)
    except AttributeError:
        raise ValueError(_no_name_sentence(source, module, name)) from None
    if isinstance(found, nn.Module):
        return lambda: found
    if not callable(found):
        raise ValueError(
            _(
                "{source} is no function and no network, but {kind}.",
                source=source,
                kind=type(found).__name__,
            )
        )
    required = _required(found)
    if required:
        raise ValueError(
            _(
                "{source} needs the arguments {arguments}; name a function that needs none.",
                source=source,
                arguments=enumeration(required),
            )
        )

    def make() -> nn.Module:
        try:
            with _first_on_the_path(folder):  # it may import only now
                made = found()
        except (Exception, SystemExit) as error:
            _tell(source, error, folder)
        if not isinstance(made, nn.Module):
            raise ValueError(
                _(
                    "{source} gave no network (torch.nn.Module), but {kind}.",
                    source=source,
                    kind=type(made).__name__,
                )
            )
        return made

    return make


def _required(function: Callable[..., Any]) -> list[str]:
    """Names of the arguments that it cannot be called without."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (ValueError, TypeError):  # built in: the call itself will say
        return []
    optional = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [each.name for each in parameters if each.default is each.empty and each.kind not in optional]


def _no_name_sentence(source: str, module: ModuleType, name: str) -> str:
    place = source.rpartition(":")[0]
    there = [known for known, value in vars(module).items() if not known.startswith("_") and _may_make(value, module)]
    if not there:
        return _("There is no {name} in {place}, nor anything else that makes a network.", name=name, place=place)
    shown, rest = enumeration(there[:_MOST_NAMES]), len(there) - _MOST_NAMES
    if rest <= 0:
        return _("There is no {name} in {place}; there are {names}.", name=name, place=place, names=shown)
    return counted(
        "There is no {name} in {place}; there are {names} and one more.",
        "There is no {name} in {place}; there are {names} and {count} more.",
        rest,
        name=name,
        place=place,
        names=shown,
    )


def _may_make(value: object, module: ModuleType) -> bool:
    """Whether it could be meant: a network, or a function or class of the file itself and not one that it imported."""
    own = getattr(value, "__module__", None) == module.__name__
    return isinstance(value, nn.Module) or (callable(value) and own)


@contextlib.contextmanager
def _first_on_the_path(folder: Path) -> Iterator[None]:
    entry = str(folder)
    sys.path.insert(0, entry)
    importlib.invalidate_caches()
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):  # the code may have taken it out itself
            sys.path.remove(entry)


def _tell(source: str, error: BaseException, folder: Path) -> NoReturn:
    """Raise ``ValueError``: which error, and at which line of the person's own code."""
    kind, reason = type(error).__name__, " ".join(str(error).split())
    where = _line(error, folder)
    if where is None:
        raise ValueError(_("{source} raised {kind}: {reason}", source=source, kind=kind, reason=reason)) from error
    file, line = where
    raise ValueError(
        _(
            "{source} raised {kind} at line {line} of {file}: {reason}",
            source=source,
            kind=kind,
            line=line,
            file=file,
            reason=reason,
        )
    ) from error


def _line(error: BaseException, folder: Path) -> tuple[str, int] | None:
    """File and line: of wrong syntax, else the innermost place in the person's folder, else the innermost at all."""
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        return os.path.basename(error.filename), error.lineno
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename != __file__]
    frames = [frame for frame in frames if not frame.filename.startswith("<frozen") and frame.lineno]
    own = [frame for frame in frames if Path(frame.filename).parent.is_relative_to(folder)]
    own = [frame for frame in own if "site-packages" not in frame.filename]
    for frame in reversed(own or frames):
        return os.path.basename(frame.filename), int(frame.lineno or 0)
    return None
