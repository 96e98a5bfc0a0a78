"""A file is whole: the old one or the new one, and nothing else lies beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from simam_viz.writing import write_whole, written_whole


def test_a_file_is_replaced_when_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b"old")
    with written_whole(path) as unfinished:
        unfinished.write_bytes(b"new")
        assert path.read_bytes() == b"old" and unfinished.parent == tmp_path
    assert path.read_bytes() == b"new" and list(tmp_path.iterdir()) == [path]


def test_what_fails_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_whole(path, b"old")
    with pytest.raises(KeyboardInterrupt), written_whole(path) as unfinished:
        unfinished.write_bytes(b"ne")
        raise KeyboardInterrupt
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


def test_two_who_write_at_once_do_not_meet(tmp_path: Path) -> None:
    path = tmp_path / "a"
    with written_whole(path) as first, written_whole(path) as second:
        first.write_bytes(b"first")
        second.write_bytes(b"second")
    assert path.read_bytes() == b"first" and list(tmp_path.iterdir()) == [path]


def test_nothing_written_is_an_error_and_not_an_empty_file(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"), written_whole(tmp_path / "a"):
        pass
    assert not list(tmp_path.iterdir())
