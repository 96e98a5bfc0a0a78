"""Networks that a program gives the app: what they answer with, what is asked of it, and what of the pages makes no sense then."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import re
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import simam_viz
from simam_viz.app import given
from simam_viz.app.pages import PAGES
from simam_viz.checkpoints import opening
from simam_viz.checkpoints.loaded import on_device
from simam_viz.cli import main
from simam_viz.draw.paper.description import Description
from tests.helpers.attention_zoo import Retyped, SqueezeExcite
from tests.helpers.made_up_language import outside, spoken_everywhere, unsaid
from tests.helpers.pages import drop, finished, open_page, text
from tests.helpers.project import ROOT


class Small(nn.Module):
    """Two convolutions with an attention module behind each, and a head."""

    def __init__(self, *attention: nn.Module, ends: Callable[[Tensor], Tensor], outputs: int = 3) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.first, self.second = nn.Conv2d(3, 16, 3, 2, 1), nn.Conv2d(16, 16, 3, 2, 1)
        self.attention, self.other = attention
        self.head, self.ends = nn.Conv2d(16, outputs, 1), ends

    def forward(self, x: Tensor) -> Tensor:
        x = self.attention(F.relu(self.first(x)))
        return self.ends(self.head(F.relu(self.other(self.second(x)))))


def pooled(maps: Tensor) -> Tensor:
    return maps.mean((2, 3))


@pytest.fixture(autouse=True)
def nothing_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(given, "_GIVEN", {})


def give(model: nn.Module, **options: object) -> simam_viz.LoadedCheckpoint:
    network = simam_viz.wrap(model.eval(), input_size=64, name="mine", verbose=False, **options)
    assert given.give(network) == "mine"
    return network


NETWORKS = {
    "SimAM": lambda: give(Small(Retyped(), Retyped(e_lambda=0.1), ends=pooled)),
    "a gate": lambda: give(Small(SqueezeExcite(16), nn.Identity(), ends=pooled)),
    "both": lambda: give(Small(Retyped(), SqueezeExcite(16), ends=pooled)),
    "pixels": lambda: give(Small(Retyped(), Retyped(), ends=lambda maps: maps)),
    "labels": lambda: give(Small(Retyped(), Retyped(), ends=lambda maps: pooled(maps).sigmoid())),
    "an embedding": lambda: give(Small(Retyped(), Retyped(), ends=pooled, outputs=8), output="embedding"),
    "a value": lambda: give(Small(Retyped(), Retyped(), ends=pooled, outputs=1), output="regression"),
}


@pytest.mark.parametrize(
    ("kind", "page"),
    [  # in the short form each kind on two or three pages, and each page with as many kinds
        pytest.param(kind, page, marks=[] if (row + column) % 3 == 0 else pytest.mark.long)
        for row, kind in enumerate(NETWORKS)
        for column, page in enumerate(PAGES)
    ],
)
def test_every_page_stands_on_every_kind_of_network(kind: str, page: str) -> None:
    NETWORKS[kind]()
    app = open_page(page)
    assert app.selectbox(key="control-checkpoint").value == "mine"
    assert not app.exception and not app.error


@pytest.mark.long
@pytest.mark.parametrize("kind", NETWORKS)
def test_what_is_said_of_every_kind_is_said_in_the_language_of_the_page(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    NETWORKS[kind]()
    spoken_everywhere(monkeypatch)
    for page, view in (("app.py", {}), ("pages/attention_maps.py", {"level": "block"}), ("pages/models.py", {})):
        app = open_page(page, **view)
        told = [text for text in unsaid(app._tree) if not text.startswith(("<", "$", "{"))]  # HTML, formulas, cards
        left = [text for text in told if outside(re.sub(r"\b(attention|other|mine|Small|px)\b", "", text))]
        assert not left and not app.exception


@pytest.mark.parametrize("look", ["maps", "blocks", "ablation", "faithful"])
@pytest.mark.parametrize("kind", ["a gate", "pixels", "an embedding", "a value"])
def test_every_comparison_stands_or_says_that_it_makes_no_sense(kind: str, look: str) -> None:
    network = NETWORKS[kind]()
    app = open_page("pages/gradcam_comparison.py", look=look)
    assert not app.exception and not app.error
    if look in ("ablation", "faithful") and not network.output.has_probabilities:
        assert any("makes no sense" in info.value or "answers with none" in info.value for info in app.info)


def test_a_network_without_simam_has_no_lambda() -> None:
    NETWORKS["a gate"]()
    app = open_page("app.py")
    assert "is not SimAM: there is no λ to move" in text(app)
    assert [block.kind for block in given.networks()["mine"].found.sites] == ["channel"]
    app = open_page("pages/energy_histograms.py", block="attention")
    assert any("neither energy nor importance" in info.value for info in app.info)


def test_a_networks_own_lambdas_are_stops_of_the_slider() -> None:
    give(Small(Retyped(e_lambda=0.02), Retyped(e_lambda=0.02), ends=pooled))
    app = open_page("app.py")
    assert "Back to its own λ = 0.02" in [button.label for button in app.button]


def test_pixels_are_explained_where_the_class_is_predicted_or_at_one_of_them() -> None:
    network = NETWORKS["pixels"]()
    photo = simam_viz.photos.samples.list_samples()[0].image()
    whole = simam_viz.analyze(network, photo)
    at = simam_viz.analyze(network, photo, region=(10, 50))
    with torch.no_grad():
        maps = network.model(network.transforms(photo)[None])[0]
    torch.testing.assert_close(whole.logits, maps.mean((1, 2)))
    torch.testing.assert_close(at.logits, maps[:, 10 * maps.shape[1] // 64, 50 * maps.shape[2] // 64])
    app = open_page("app.py", region="10,50")
    assert "the pixel at row 10, column 50" in app.selectbox(key="control-region").options
    app = open_page("app.py", region="predicted")
    assert app.selectbox(key="control-region").value == "predicted"
    app = open_page("app.py", region="none-such")
    assert "does not exist here" in text(app)


def test_an_embedding_is_compared_with_a_second_photo() -> None:
    network = NETWORKS["an embedding"]()
    samples = simam_viz.photos.samples.list_samples()
    same = simam_viz.analyze(network, samples[0].image(), reference=samples[0].image())
    assert float(same.logits[0]) == pytest.approx(1, abs=1e-5)
    with pytest.raises(ValueError, match="second photo"):
        simam_viz.analyze(network, samples[0].image())
    app = open_page("app.py", reference=samples[1].name)
    assert app.selectbox(key="control-reference").value == samples[1].name


def test_what_the_command_line_asks_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = tmp_path / "mine.py"
    code.write_text(
        "import torch\nfrom torch import nn\ndef make():\n    torch.manual_seed(0)\n"
        "    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))\n"
    )
    monkeypatch.setattr(
        sys,
        "argv",
        [str(ROOT / "app.py"), "--network", f"{code}:make", "--categories", "cat,dog", "--input-size", "48"],
    )
    started = given.started()
    assert started.trouble == "" and started.network is not None
    assert started.network.categories == ("cat", "dog") and started.network.transforms.input_size == 48
    assert started.network.name == "mine.py:make" and not started.network.attends
    app = open_page("app.py")
    assert app.selectbox(key="control-checkpoint").value == "mine.py:make" and "hypothetical" in text(app).lower()
    monkeypatch.setattr(sys, "argv", [str(ROOT / "app.py"), "--network", f"{code}:nothing"])
    assert "nothing" in given.started().trouble
    app = open_page("app.py")
    assert "cannot be opened" in app.error[0].value and not app.exception
    monkeypatch.setattr(sys, "argv", [str(ROOT / "app.py"), "--weights", "a.pt"])
    assert "--network" in given.started().trouble


@pytest.mark.long
def test_the_figure_page_gives_a_command_where_one_can_name_the_network(tmp_path: Path) -> None:
    view = {"panels": "photo,weight", "networks": "on,off"}
    NETWORKS["SimAM"]()
    app = finished(open_page("pages/figure.py", **view), "paper")
    assert any("No command can name a network that lives in a program" in info.value for info in app.info)
    assert not any("python -m simam_viz" in element.value for element in app.code)

    (tmp_path / "mine.py").write_text(
        "import torch\nfrom torch import nn\nimport simam_viz\ndef make():\n    torch.manual_seed(0)\n"
        "    return nn.Sequential(nn.Conv2d(3, 4, 3), simam_viz.SimAM(0.1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))\n"
    )
    parser = argparse.ArgumentParser()
    opening.add_arguments(parser)
    own = ["--network", f"{tmp_path}/mine.py:make", "--input-size", "64"]
    asked = opening.asked(parser.parse_args(own))
    assert asked is not None
    name = given.give(opening.Maker(asked).as_made())
    app = finished(open_page("pages/figure.py", checkpoint=name, **view), "paper")
    command = next(element.value for element in app.code if element.value.startswith("python -m simam_viz"))
    assert " ".join(own) in command and "--networks on,off" in command and not app.info
    # Its description opens here, where it is, and nowhere else: no file that a person drops runs code.
    made = Description(photos=("honey-bee",), network=asked.written, show=("photo",))
    app = open_page("pages/figure.py", checkpoint="mine")
    drop(app, "paper-description", "a.json", made.json().encode())
    assert app.session_state["view"]["checkpoint"] == name and not app.error
    other = dataclasses.replace(made, network={"network": "os:abort"})
    drop(app, "paper-description", "b.json", other.json().encode())
    assert ["of the description is not here" in error.value for error in app.error] == [True]


def test_a_dropped_file_is_matched_against_the_constructor(tmp_path: Path) -> None:
    code = tmp_path / "mine.py"
    code.write_text(
        "from torch import nn\ndef make():\n"
        "    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))\n"
    )
    maker = opening.Maker(opening.Opening(f"{code}:make", input_size=48))
    weights = {f"net.{name}": torch.ones_like(value) for name, value in maker.as_made().model.state_dict().items()}
    path = tmp_path / "best.pt"
    torch.save(weights, path)
    loaded = maker.with_weights(path.read_bytes(), "best.pt")
    assert all(bool((value == 1).all()) for value in loaded.model.state_dict().values())
    assert loaded.match is not None and loaded.match.matched == 4 and loaded.sha256
    torch.save({name.replace("4.", "5."): value for name, value in weights.items()}, path)
    with pytest.raises(simam_viz.CheckpointError, match=r"4\.weight"):
        maker.with_weights(path.read_bytes(), "best.pt")


def test_a_port_that_is_taken_is_said_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(given, "_GIVEN", {})
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["app", "--port", str(port)]) == 2
    told = capsys.readouterr().err
    assert (
        told == f"simam_viz: The app cannot be served at 127.0.0.1:{port}: Address already in use. Name another port.\n"
    )


@pytest.mark.long
def test_show_serves_the_app_from_the_same_process(tmp_path: Path) -> None:
    """The process stays itself: what it defines goes by ``__main__`` still, and pickles."""
    program = tmp_path / "program.py"
    program.write_text(
        textwrap.dedent(
            """
            import json, pickle, sys, urllib.request
            import torch
            from torch import nn
            import simam_viz

            class Mine(nn.Module):
                def __init__(self):
                    super().__init__()
                    self.a, self.s, self.b = nn.Conv2d(3, 4, 3), simam_viz.SimAM(0.02), nn.Linear(4, 2)
                def forward(self, x):
                    return self.b(self.s(self.a(x)).mean((2, 3)))

            network = simam_viz.wrap(Mine().eval(), input_size=48, verbose=False, name="mine")
            first = simam_viz.show(network, block=False)
            second = simam_viz.show(network, block=False)
            health = urllib.request.urlopen(first.split("/?")[0] + "/_stcore/health").read().decode()
            pickle.dumps(Mine())
            print(json.dumps([first, second, health]))
            """
        )
    )
    told = subprocess.run(
        [sys.executable, str(program)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    first, second, health = json.loads(told.stdout.splitlines()[-1])
    assert first == second and first.endswith("/?checkpoint=mine") and health == "ok"


def test_a_box_that_is_not_there() -> None:
    """A link may name a box of another photo."""
    NETWORKS["SimAM"]()
    assert not open_page("app.py", box="7").exception


def test_lambdas_that_differ_are_multiplied() -> None:
    give(Small(Retyped(e_lambda=1e-3), Retyped(e_lambda=0.1), ends=pooled))
    app = open_page("app.py", **{"lambda-by": "multiply", "times": "10"})
    assert app.select_slider(key="control-times").value == 10 and "× 10" in text(app)
    network = given.networks()["mine"]
    photo = simam_viz.photos.samples.list_samples()[0].image()
    blocks = simam_viz.analyze(network, photo, simam_viz.networks.lambdas.Times(10)).blocks
    assert [block.e_lambda for block in blocks] == pytest.approx([1e-2, 1.0])


class Volume(nn.Module):
    """A 3-D convolution with SimAM of ours behind it."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.first, self.simam, self.head = nn.Conv3d(2, 4, 3, padding=1), simam_viz.SimAM(1e-3), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.simam(F.relu(self.first(x))).mean((2, 3, 4)))


@pytest.mark.parametrize("page", PAGES)
def test_a_volume_is_shown_slice_by_slice(page: str) -> None:
    network = simam_viz.wrap(Volume().eval(), example=torch.rand(1, 2, 6, 10, 12), name="mine", verbose=False)
    given.give(network)
    app = open_page(page, slice="1")
    assert not app.exception and not app.error and app.slider(key="control-slice").value == 1
    whole = simam_viz.analyze(network, network.example)
    flat = whole.pictures(1 / 6).blocks[0]
    torch.testing.assert_close(flat.attention, whole.blocks[0].attention[:, 1])
    assert flat.features.shape == (4, 10, 12) and flat.cam.shape == (10, 12)


def test_a_device_that_is_not_there_is_one_sentence(loaded: simam_viz.LoadedCheckpoint) -> None:
    for device in ("cuda:7", "nonsense"):
        with pytest.raises(ValueError, match=f"Nothing can be computed on {device} here"):
            on_device(loaded, device)
    assert on_device(loaded, "cpu") is loaded


@pytest.mark.filterwarnings("ignore")  # PyTorch itself calls TorchScript deprecated
def test_a_part_that_nobody_can_look_into_is_marked_wherever_the_network_is_shown() -> None:
    model = Small(Retyped(), nn.Identity(), ends=pooled)
    model.second = torch.jit.script(model.second)
    give(model)
    app = open_page("pages/attention_maps.py")
    assert any("Not looked into (TorchScript): second" in badge.value for badge in app.sidebar.markdown)
    assert "Not looked into (TorchScript): second" in text(open_page("app.py"))
