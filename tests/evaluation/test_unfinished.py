"""What a long measurement found is kept until it is complete: killed and started again, it goes on."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import pytest
import torch
from PIL import Image

from simam_viz.checkpoints.loading import LoadedCheckpoint
from simam_viz.cluster.doing import HERE
from simam_viz.evaluation import accuracy, measured_photos
from simam_viz.evaluation.accuracy import places
from simam_viz.evaluation.image_sets import LabelledPhotos
from simam_viz.evaluation.measured_photos import Asked, measured
from simam_viz.evaluation.unfinished import Unfinished
from simam_viz.explain import variants
from simam_viz.photos.bombs import ImageError
from simam_viz.photos.samples import list_samples


@pytest.fixture
def photos(tmp_path: Path, noise: Image.Image) -> LabelledPhotos:
    files = []
    for number in range(5):
        noise.rotate(20 * number).save(tmp_path / f"{number}.png")
        files.append((tmp_path / f"{number}.png", number))
    (tmp_path / "3.png").write_bytes(b"no photo")
    return LabelledPhotos(tuple(files))


def test_accuracy_goes_on_where_it_was_killed(
    loaded: LoadedCheckpoint, photos: LabelledPhotos, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = list(map(str, places(loaded, photos, 64, at_once=2)))
    with Unfinished(tmp_path / "kept", {"px": 64}) as kept:
        first = [str(place) for place, _ in zip(places(loaded, photos, 64, 2, HERE, kept), range(2), strict=False)]
    path = kept.path
    path.write_bytes(path.read_bytes() + b'{"of": "cut')  # killed while it wrote
    calls: list[int] = []
    work = accuracy._places_of
    monkeypatch.setattr(accuracy, "_places_of", lambda *asked: calls.append(1) or work(*asked))
    with Unfinished(tmp_path / "kept", {"px": 64}) as kept:
        assert list(map(str, places(loaded, photos, 64, 2, HERE, kept))) == whole
        kept.done()
    assert len(calls) == 1 and first == whole[:2] and "3.png" in whole[2]
    assert not list((tmp_path / "kept").iterdir()), "complete: nothing is left"


def test_findings_come_back_from_disk_as_they_were(
    loaded: LoadedCheckpoint, photos: LabelledPhotos, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sample = next(sample for sample in list_samples() if sample.name == "espresso-cup")
    files = [(sample.path, loaded.categories.index(sample.classes[0])), photos.photos[3]]
    on = [variant for variant in variants.variants(loaded) if variant.name == "on"]
    asked = Asked(variants.by_title(on, None), "layer3.1", ["Grad-CAM"], 64)
    with Unfinished(tmp_path / "kept", {}) as kept:
        before, unread = measured(asked, files, HERE, kept)
    monkeypatch.delattr(measured_photos, "_measured")  # nothing is measured again
    with Unfinished(tmp_path / "kept", {}) as kept:
        (after,) = measured(asked, files[:1], HERE, kept)
    assert isinstance(unread, ImageError) and len(before) == 3 and any(one.measures for one in before)
    for one, other in zip(before, after, strict=True):
        assert torch.equal(one.values, other.values) and one.values.dtype == other.values.dtype
        assert (one.photo, one.network, one.map_name, one.trouble) == (
            other.photo, other.network, other.map_name, other.trouble
        )  # fmt: skip
        if one.measures is not None:
            assert one.measures.deletion_curve.tolist() == other.measures.deletion_curve.tolist()
            assert one.measures.probability == other.measures.probability and one.measures.drop == other.measures.drop


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
def test_two_at_once_and_a_full_disk_are_one_sentence(tmp_path: Path) -> None:
    with Unfinished(tmp_path, {"a": 1}) as kept:
        with pytest.raises(ValueError, match="is being measured by another run"), Unfinished(tmp_path, {"a": 1}):
            pass
        with Unfinished(tmp_path, {"a": 2}):
            pass  # another measurement
        kept.note("x", [1])
        kept._stream.close()
        with Path("/dev/full").open("wb", buffering=0) as kept._stream, pytest.raises(OSError) as error:
            kept.note("y", [2])
        assert error.value.errno == errno.ENOSPC and error.value.filename == str(kept.path)
        assert kept.get("y") is None and kept.get("x") == [1]
    assert [json.loads(line)["of"] for line in kept.path.read_bytes().splitlines()] == ["x"]
