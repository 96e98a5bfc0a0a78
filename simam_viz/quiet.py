"""What the app and the command line ask of their process, and a program that imports the package must not have done to it."""

from __future__ import annotations

import contextlib
import ctypes
import logging
import warnings
from pathlib import Path

from PIL import Image


def quieten() -> None:
    """Keep what decoders say about the oddities of a file out of the log: what matters ends as a sentence on screen.

    To be called once, when the app or a command starts: filters of warnings are not thread-safe.
    """
    warnings.filterwarnings("ignore", module=r"PIL\..*")
    warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
    # PyTorch warns about every oddity of a pickle, once for each number in it.
    warnings.filterwarnings("ignore", module=r"torch\.(serialization|_weights_only_unpickler)")
    logging.getLogger("PIL").setLevel(logging.CRITICAL)
    _silence_libtiff()


def _silence_libtiff() -> None:
    """Libtiff writes about every bad line of a file to the server's log, past Python; on Linux it can be told not to."""
    with contextlib.suppress(OSError, AttributeError):
        maps = Path("/proc/self/maps").read_text(encoding="utf-8")
        for path in {line.split(maxsplit=5)[-1] for line in maps.splitlines() if "/libtiff" in line}:
            library = ctypes.CDLL(path)
            library.TIFFSetErrorHandler(None)
            library.TIFFSetWarningHandler(None)
