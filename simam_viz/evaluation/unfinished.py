"""What a long measurement has found so far, on disk until it is complete: whoever is killed goes on from there."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from ..wording import _
from ..writing import alone


class Unfinished:
    """Results by the digest of what they are of, a line of JSON each. To be used in a ``with`` block.

    Args:
        folder: where unfinished measurements lie; made if need be.
        identity: all that results depend on beside what they are of, as plain values.

    Raises:
        ValueError: the same measurement is under way in another process.
        OSError: the folder cannot be written to.
    """

    def __init__(self, folder: Path, identity: Mapping[str, Any]) -> None:
        name = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:32]
        self.path = folder / f"{name}.jsonl"
        self._alone = alone(
            folder / f"{name}.lock", _("The same is being measured by another run: wait until it is done.")
        )
        self._found: dict[str, Any] = {}
        self._stream: BinaryIO | None = None

    def __enter__(self) -> Unfinished:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._alone.__enter__()
        data = self.path.read_bytes() if self.path.exists() else b""
        for line in data.splitlines():
            with contextlib.suppress(ValueError, TypeError, KeyError):  # the last one may have been cut off
                entry = json.loads(line)
                self._found[entry["of"]] = entry["found"]
        self._stream = self.path.open("ab", buffering=0)
        if data and not data.endswith(b"\n"):
            self._stream.write(b"\n")
        return self

    def __exit__(self, *_error: object) -> None:
        assert self._stream is not None
        self._stream.close()
        if not self._found:
            self.path.unlink(missing_ok=True)
        self._alone.__exit__(None, None, None)

    def __len__(self) -> int:
        return len(self._found)

    def get(self, of: str) -> Any:
        """What was found before; ``None`` where nothing was."""
        return self._found.get(of)

    def note(self, of: str, found: Any) -> None:
        """Keep a result, of plain values.

        Raises:
            OSError: it cannot be written, as on a full disk; what was kept before stays.
        """
        assert self._stream is not None
        line = json.dumps({"of": of, "found": found}, ensure_ascii=False).encode() + b"\n"
        try:
            if self._stream.write(line) < len(line):  # the disk is full, which the next attempt says
                self._stream.write(line)
            self._found[of] = found
        except OSError as error:
            error.filename = os.fspath(self.path)
            raise

    def done(self) -> None:
        """All is measured: the next time it begins anew."""
        self._found.clear()
