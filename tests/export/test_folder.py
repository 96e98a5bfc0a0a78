"""A folder of photos: resumable, honest about what is no photo, one summary of all."""

from __future__ import annotations

import csv
import errno
import os
import shutil
from pathlib import Path

import pytest

from simam_viz.checkpoints.loading import LoadedCheckpoint
from simam_viz.cli import main
from simam_viz.export import folder
from simam_viz.export.folder import Job, Outcome, Settings
from simam_viz.photos.samples import list_samples


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    root = tmp_path / "photos"
    (root / "more").mkdir(parents=True)
    for name, sample in zip(("b.jpg", "a.jpg", "more/a.jpg"), list_samples(), strict=False):
        shutil.copy(sample.path, root / name)
    (root / "=broken.png").write_bytes(b"no photo")
    (root / "notes.txt").write_text("not looked at")
    return root


def summary(out: Path) -> list[dict[str, str]]:
    with (out / "summary.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_every_photo_gets_its_folder_and_its_line(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = photos / "results"
    command = ["analyze", str(photos), "--out", str(out), "--size", "64", "--lambda", "0.2"]
    assert main(command) == 0
    told = capsys.readouterr()
    assert "3 of 4 photos analysed" in told.out and "=broken.png" in told.err
    rows = summary(out)
    assert [row["photo"] for row in rows] == ["'=broken.png", "a.jpg", "b.jpg", "more/a.jpg"]
    assert rows[0]["error"] and not rows[0]["predicted class"]
    for row in rows[1:]:
        assert not row["error"] and row["λ"] == "0.2" and row["input size"] == "64"
        assert row["predicted class"] == folder.read_answer(out / row["photo"])["top5"][0]["name"]
        assert 0.62 < float(row["mean weight layer1.0"]) < 0.68
    assert {path.name for path in (out / "more/a.jpg").iterdir()} == {"overview.png", "attention.npz", "top5.json"}

    # Again: nothing is done twice, and what was written is not taken for photos.
    assert main(command) == 0
    assert "3 of 4 photos analysed, 3 of them before." in capsys.readouterr().out
    assert [row["photo"] for row in summary(out)] == [row["photo"] for row in rows]

    # Another setting: everything again.
    assert main([*command[:-1], "0.3"]) == 0
    assert "0 of them before" in capsys.readouterr().out


def test_a_run_that_is_broken_off_goes_on(photos: Path, loaded: LoadedCheckpoint, tmp_path: Path) -> None:
    job, out = Job(loaded, Settings(input_size=64)), tmp_path / "out"
    found = folder.photos_in(photos, out)

    def interrupt(outcome: Outcome) -> None:
        if outcome.photo == "b.jpg":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        folder.run(job, found, photos, out, interrupt)
    assert [row["photo"] for row in summary(out)] == ["'=broken.png", "a.jpg", "b.jpg"]
    # As if killed while writing: the answer, which is written last, is missing.
    (out / "b.jpg" / "top5.json").rename(out / "b.jpg" / ".top5.json.0123456789ab.tmp")
    again = folder.run(job, found, photos, out)
    assert [(o.photo, o.skipped) for o in again] == [
        ("=broken.png", False), ("a.jpg", True), ("b.jpg", False), ("more/a.jpg", False)
    ]  # fmt: skip
    assert not list(out.rglob("*.tmp"))


def test_ctrl_c_ends_in_one_sentence(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Job, "make", interrupted)
    assert main(["analyze", str(photos), "--out", str(tmp_path / "out")]) == 130
    assert "the same command goes on from there" in capsys.readouterr().err


@pytest.mark.long
def test_with_a_report(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert main(["analyze", str(photos / "a.jpg"), "--out", str(out), "--size", "64", "--report"]) == 0
    names = {path.relative_to(out).as_posix() for path in out.rglob("*.*") if path.is_file()}
    assert {"report.html", "tensors.npz", "tables/channels.csv", "pictures/layer1.0-grad-cam.png", "top5.json"} <= names


def test_a_folder_without_photos(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["analyze", str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert error.startswith("simam_viz: There is no photo in") and error.count("\n") == 1
    assert not (tmp_path / "out").exists()
    (tmp_path / "x.png").write_bytes(b"no photo")
    assert main(["analyze", str(tmp_path), "--out", str(tmp_path / "out")]) == 2


def test_two_runs_do_not_write_into_one_folder(
    photos: Path, tmp_path: Path, loaded: LoadedCheckpoint, capsys: pytest.CaptureFixture[str]
) -> None:
    out, again = tmp_path / "out", []
    command = ["analyze", str(photos), "--out", str(out), "--size", "64"]

    def meanwhile(outcome: Outcome) -> None:
        if not again:
            again.append(main(command))

    job = Job(loaded, Settings(input_size=64))
    folder.run(job, folder.photos_in(photos, out), photos, out, meanwhile)
    assert again == [2] and "Another run is writing into" in capsys.readouterr().err
    assert main(command) == 0 and "3 of them before" in capsys.readouterr().out


def test_a_full_disk_is_one_sentence_and_what_was_finished_stays(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out, write_bytes = tmp_path / "out", Path.write_bytes

    def full(path: Path, data: bytes) -> int:
        if path.parent.name == "b.jpg" and "top5.json" in path.name:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write_bytes(path, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    command = ["analyze", str(photos), "--out", str(out), "--size", "64"]
    assert main(command) == 2
    told = capsys.readouterr().err.splitlines()
    assert told[-1] == f"simam_viz: {out}/b.jpg/top5.json cannot be read or written: No space left on device."
    assert [row["photo"] for row in summary(out)] == ["'=broken.png", "a.jpg"]
    assert not list((out / "b.jpg").iterdir()), "nothing half-written is left"
    monkeypatch.undo()
    assert main(command) == 0 and "1 of them before" in capsys.readouterr().out
