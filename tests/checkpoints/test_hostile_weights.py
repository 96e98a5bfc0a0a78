"""Weights nobody can trust: a network, or one plain sentence, and no code in any file ever runs."""

from __future__ import annotations

import io
import json
import pickle
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import safetensors.torch
from hypothesis import given
from hypothesis import strategies as st

from simam_viz import CheckpointError, load_checkpoint
from tests.helpers.damage import DRAWN, damaged
from tests.helpers.hostile_weights import HOSTILE, TRACE, Trap, network, saved, small_files
from tests.helpers.project import ROOT

# Seconds to build; ``python -m tests.long weights`` tries all of them under limits of memory and time.
SLOW = {"zip: storage of a gigabyte", "zip: a hundred million Nones", "safetensors: a header of 90 MB"}


@pytest.fixture(autouse=True)
def no_trace() -> Iterator[None]:
    yield
    left = TRACE.exists()
    if TRACE.is_dir():
        shutil.rmtree(TRACE)
    elif left:
        TRACE.unlink()
    assert not left, "code in a file has run"


# Made once: the older format writes memory addresses into a file, so another file may have another length.
SEEDS = small_files()


def refused(source: object, **options: object) -> str:
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(source, **options)
    sentence = str(caught.value)
    assert "\n" not in sentence and "\x1b" not in sentence and 10 < len(sentence) < 1_000, sentence[:300]
    return sentence


@pytest.mark.parametrize("name", [name for name in HOSTILE if name not in SLOW])
def test_hostile_files_are_refused(name: str) -> None:
    refused(io.BytesIO(HOSTILE[name]()))


def test_the_trap_works() -> None:
    """Otherwise none of the tests above would mean anything."""
    pickle.loads(pickle.dumps(Trap()))
    assert TRACE.is_dir()
    TRACE.rmdir()


def test_the_undamaged_network_opens() -> None:
    for data in (safetensors.torch.save(network()), saved({"state_dict": network()})):
        assert len(load_checkpoint(io.BytesIO(data)).categories) == 3


@pytest.mark.parametrize("share", [0, 0.001, 0.5, 0.9, 0.9999])
@pytest.mark.parametrize("container", ["safetensors", "zip", "legacy"])
def test_a_truncated_file_is_refused(container: str, share: float) -> None:
    data = {
        "safetensors": lambda: safetensors.torch.save(network()),
        "zip": lambda: saved(network()),
        "legacy": lambda: saved(network(), _use_new_zipfile_serialization=False),
    }[container]()
    refused(io.BytesIO(data[: int(share * len(data))]))


@DRAWN
@given(st.sampled_from(sorted(SEEDS)).flatmap(lambda name: damaged(st.just(SEEDS[name]))))
def test_damaged_files_are_refused(data: bytes) -> None:
    refused(io.BytesIO(data))


@pytest.mark.parametrize(
    "card",
    [
        {"e_lambda": "much"}, {"e_lambda": float("nan")}, {"e_lambda": -1}, {"e_lambda": [0.1]}, {"input_size": -5},
        {"input_size": 10**9}, {"input_size": "large"}, {"categories": [1, 2, 3]}, {"categories": "abc"}, {"arch": "vgg"},
        {"arch": 7}, {"attention": "telepathy"}, {"normalisation": {"mean": [0, 0]}}, {"normalisation": {"std": [0, 0, 0]}},
        {"normalisation": 3},
    ],
    ids=lambda card: json.dumps(card)[:40],
)  # fmt: skip
def test_a_card_with_impossible_entries_is_refused(card: dict, tmp_path: Path) -> None:
    (tmp_path / "mine.safetensors").write_bytes(safetensors.torch.save(network()))
    (tmp_path / "mine.json").write_text(json.dumps(card))
    refused(tmp_path / "mine.safetensors")


@pytest.mark.long
def test_no_oddity_of_a_file_reaches_the_log() -> None:
    """In a process of its own: pytest has filters of warnings itself."""
    script = """
import io, pickle, simam_viz
from simam_viz.quiet import quieten
quieten()  # as the app and the commands begin
from tests.helpers.hostile_weights import saved
plain = pickle.dumps({"a": 1}, protocol=2)
for protocol in range(256):
    for data in (plain[:1] + bytes([protocol]) + plain[2:], saved({"a": 1}).replace(b"\\x80\\x02}", b"\\x80" + bytes([protocol]) + b"}")):
        try:
            simam_viz.load_checkpoint(io.BytesIO(data))
        except simam_viz.CheckpointError:
            pass
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_sources_that_cannot_be_read(tmp_path: Path) -> None:
    for source in (tmp_path, tmp_path / "none.pt", "a\0b"):
        refused(source)
