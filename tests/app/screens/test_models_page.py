"""The Models page and the sidebar's checkpoints: what one is told of a file, and what one can say of it."""

from __future__ import annotations

import json
import sys
import threading
import weakref
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image
from streamlit.testing.v1 import AppTest

import simam_viz
from simam_viz import create_model
from simam_viz.app import given, sidebar, zoo
from simam_viz.app.server import freeing, long_task
from simam_viz.app.widgets import pictures
from simam_viz.checkpoints import torchvision_weights
from simam_viz.checkpoints.loading import LoadedCheckpoint
from simam_viz.cli import main
from simam_viz.networks.counting import count_parameters, multiply_adds
from simam_viz.photos.samples import list_samples
from tests.helpers.authors_networks import ARCHITECTURES, PublishedSimAM, authors_checkpoint, authors_network, saved
from tests.helpers.models_page import PAGE, everything, field, metrics, open_models, samples_run, upload
from tests.helpers.pages import checked, open_page
from tests.helpers.project import ROOT
from tests.helpers.served_weights import publish, serving
from tests.helpers.small_data import data_arguments, make_small_data
from tests.helpers.small_networks import NAN, changed

pytestmark = pytest.mark.usefixtures("own_folder")


@pytest.fixture(scope="module")
def authors_file() -> bytes:
    return saved(authors_checkpoint(authors_network("resnet18", classes=5), "resnet18")).getvalue()


def test_the_samples_can_be_stopped_and_go_on() -> None:
    app = open_models(size="128")
    checked(app.button(key="samples-start").click().run())
    if not app.session_state["task-samples"].complete:
        checked(app.button(key="samples-stop").click().run())
        done = len(app.session_state["task-samples"].results)
        assert 0 < done < len(list_samples()) + 1 and app.button(key="samples-start").label == "Go on"
        assert len([m for m in app.markdown if m.value.startswith("1. ")]) == min(done, len(list_samples()))
        assert "trained **with SimAM there**" not in everything(app)
        checked(app.button(key="samples-start").click().run())
        while app.session_state["task-samples"].running:
            checked(app.run())
    assert "trained **with SimAM there**" in everything(app)


def test_the_bundled_network_in_numbers(loaded: simam_viz.LoadedCheckpoint) -> None:
    app = open_page(PAGE)
    told = metrics(app)
    assert told["Architecture"] == "resnet18" and told["Trained with SimAM"] == "yes" and told["Classes"] == "200"
    assert told["Parameters"] == f"{count_parameters(loaded.model) / 1e6:.2f} M"
    px = loaded.transforms.input_size
    assert told[f"Multiply–adds at {px} px"] == f"{multiply_adds(loaded.model, px) / 1e9:.3f} G"
    assert told["File"] == f"{loaded.size / 1e6:.1f} MB"
    table = app.dataframe[0].value
    assert list(table["in use"]) == [True] + [False] * (len(table) - 1)
    assert table["top-1 (%)"][0] == loaded.card["accuracy"]["top1"]
    assert not any("describe" in (button.key or "") for button in app.button), "a bundled card stands"
    assert "`python -m simam_viz evaluate --checkpoint" in everything(app)
    assert not app.code, "a block of code loads colours for 200 languages on everybody's first visit"
    samples_run(app)
    assert "photos of a class it knows have that class" in everything(app)
    assert "trained **with SimAM there**" in everything(app)
    lines = [m.value for m in app.markdown if m.value.startswith("1. ")]
    assert len(lines) == len(list_samples()) and all(line.count("1. ") == 5 for line in lines)
    top = simam_viz.analyze(loaded, list_samples()[0].image()).top(1)[0]
    assert top[1].split(",")[0] in lines[0]


def test_an_upload_in_the_authors_format(authors_file: bytes) -> None:
    app = upload(open_models(size="128"), "checkpoint.pth.tar", authors_file)
    name = app.session_state["view"]["checkpoint"]
    assert name.startswith("own-") and app.selectbox(key="control-checkpoint").value == name
    told = metrics(app)
    assert told["Classes"] == "5" and told["Trained with SimAM"] == "yes" and told["Input size"] == "224 px"
    assert any("122 of the network's 122 tensors came from the file" in expander.label for expander in app.expander)
    assert "DataParallel" in everything(app) and "a Sequential holds that layer" in everything(app)
    assert (
        "Assumed until you say otherwise: λ, the input size, the normalisation, the class names, the forward pass."
        in everything(app)
    )

    field(app, "text_input", "Name").input("Mine")
    field(app, "number_input", "λ it was trained with").set_value(0.02)
    field(app, "number_input", "Input size in pixels").set_value(96)
    field(app, "text_area", "One name a line, in the order of the network's outputs").input("a\nb\nc\nd\ne\n")
    checked(next(b for b in app.button if b.label == "Save").click().run())
    assert "kept for this session" in everything(app)
    told = metrics(app)
    assert told["Trained λ"] == "0.02" and told["Input size"] == "96 px" and "Mine" in app.subheader[1].value
    assert app.select_slider(key="control-lambda").value == 0.02 and app.selectbox(key="control-size").value == 96
    assert "It can only answer with one of these: a; b; c; d; e." in everything(app)

    # The card that was downloaded describes the same file another time.
    card = json.dumps(dict(app.session_state["own-checkpoints"][name].card)).encode()
    again = upload(open_models(size="128"), "checkpoint.pth.tar", authors_file)
    uploader = lambda: next(each for each in again.file_uploader if "card" in (each.key or ""))  # noqa: E731
    checked(uploader().upload("other.json", b'{"num_classes": 6}').run())
    assert "other.json: The card says num_classes 6, but the weights say 5." in everything(again).replace("\\", "")
    checked(uploader().upload("mine.json", b"[]").run())
    assert "The card mine.json is not a JSON object" in everything(again).replace("\\", "")
    checked(uploader().upload("mine.json", card).run())
    assert metrics(again) == told and "other.json" not in everything(again)
    assert "It can only answer with one of these: a; b; c; d; e." in everything(again)

    # Every other page works with it, and says nothing against it.
    checked(app.switch_page("app.py").run())
    assert "5 classes this network knows" in everything(app) and "saw SimAM" not in everything(app)
    checked(app.switch_page(PAGE).run())
    checked(app.button(key=f"drop-{name}").click().run())
    assert app.selectbox(key="control-checkpoint").value == simam_viz.list_checkpoints()[0].name


def test_a_forgotten_upload_gives_its_memory_back(
    authors_file: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos_of_classes(tmp_path / "data" / "five", [f"class {index}" for index in range(5)], 8)
    monkeypatch.setenv("SIMAM_VIZ_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(long_task, "_PIECE_SECONDS", 0)
    app = upload(open_models(size="128"), "mine.pth", authors_file)
    own = app.session_state["own-checkpoints"]
    name = app.session_state["view"]["checkpoint"]
    watched = [weakref.ref(own[name].model), weakref.ref(own[name].model.layer4[1].conv2)]
    checked(app.switch_page("app.py").run())  # its analysis is in the session's cache now
    checked(app.switch_page(PAGE).run())
    checked(app.button(key="accuracy-start").click().run())
    checked(app.button(key="accuracy-stop").click().run())  # work that was stopped could go on with the network
    assert app.session_state["task-accuracy"].work is not None
    left: list[bool] = []
    give_back = freeing.give_back
    monkeypatch.setattr(freeing, "give_back", lambda: (give_back(), left.append(any(each() for each in watched))))
    checked(app.button(key=f"drop-{name}").click().run())
    assert not own and left == [False], "once, and when nothing held the network any more"
    checked(app.run())
    assert len(left) == 1


def test_answers_that_make_no_sense_change_nothing(authors_file: bytes) -> None:
    app = upload(open_page(PAGE), "mine.pth", authors_file)
    save = lambda: checked(next(b for b in app.button if b.label == "Save").click().run())  # noqa: E731
    field(app, "text_area", "One name a line, in the order of the network's outputs").input("just one")
    save()
    assert "names 1 classes" in everything(app)
    field(app, "text_area", "One name a line, in the order of the network's outputs").input("a\nb\nc\nd\ne")
    field(app, "text_input", "Their standard deviation").input("1, 2")
    save()
    assert "normalisation" in everything(app) and metrics(app)["Classes"] == "5"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"words", "neither safetensors nor"),
        (saved(changed(layer1__0__bn1__bias=NAN)).getvalue(), "2 of the 64 values of layer1"),
        (
            saved(changed(conv1__weight=torch.zeros(64, 3, 3, 3), bn1__bias=None)).getvalue(),
            "one more tensor does not fit",
        ),
    ],
)
@pytest.mark.parametrize("place", ["page", "sidebar"])
def test_what_cannot_be_used_is_said_and_nothing_is_lost(content: bytes, sentence: str, place: str) -> None:
    app = open_models(size="128", **{"lambda": "0.5"})
    if place == "sidebar":
        checked(app.toggle(key="own-checkpoint-on").set_value(True).run())
    upload(app, "![x](bad).pth", content, place)
    errors = " ".join(error.value.replace("\\", "") for error in app.error)
    assert sentence in errors and not any("![x]" in error.value for error in app.error)
    assert app.select_slider(key="control-lambda").value == 0.5 and metrics(app)["Classes"] == "200"
    if "one more" in sentence:
        tables = [frame.value for frame in app.dataframe]
        problems = next(table for table in tables if "what is wrong" in table)
        assert list(problems["tensor"]) == ["conv1.weight", "bn1.bias"]
    checked(app.switch_page("app.py").run())
    assert not app.error, "what was wrong need not be said on another page"


@pytest.mark.long
def test_weights_that_never_saw_simam_are_marked_everywhere(tmp_path: Path) -> None:
    weights = tmp_path / "weights"
    torch.save(create_model("mobilenet_v2", "none", 6).state_dict(), weights / "plain.pth")
    for card, mark, remark in (
        (None, "Training with SimAM not known", "It is not known whether these weights were trained with SimAM."),
        ({"trained_with_simam": False}, "Weights that never saw SimAM", "These weights never saw SimAM in training."),
        ({"attention": "none"}, "Weights that never saw SimAM", "Hypothetical: this network was run without SimAM."),
    ):
        if card:
            (weights / "plain.json").write_text(json.dumps(card))
        others = (
            () if card else ("pages/attention_maps.py", "pages/energy_histograms.py", "pages/gradcam_comparison.py")
        )
        for path in ("app.py", *others, PAGE):
            app = open_page(path, checkpoint="plain", size="128")
            badges = [m.value for m in app.sidebar.markdown]
            assert any(mark in badge for badge in badges), (path, badges)
            if card and "attention" in card and path == "pages/gradcam_comparison.py":
                remark = "This network was trained, and runs, without SimAM."
            assert path == PAGE or remark in everything(app), path
            # No λ was trained, or none is known to be: the sidebar claims none.
            word = "default" if card else "assumed"
            assert app.button(key="trained-lambda").label == f"Back to the {word} λ = 0.1"
            assert f"0.1 ({word})" in app.select_slider(key="control-lambda").options
        assert metrics(app)["Trained with SimAM"] == ("never" if card else "not known")
        assert metrics(app)[f"{word.capitalize()} λ"] == "0.1"


@pytest.mark.long
def test_the_sweep_and_the_list_mark_them_too(tmp_path: Path) -> None:
    torch.save(create_model("resnet18", "none", 4).state_dict(), tmp_path / "weights" / "plain.pth")
    (tmp_path / "weights" / "plain.json").write_text('{"trained_with_simam": false}')
    torch.save(create_model("resnet18", "none", 4).state_dict(), tmp_path / "weights" / "off.pth")
    (tmp_path / "weights" / "off.json").write_text('{"attention": "none"}')
    app = open_page("pages/lambda_sweep.py", checkpoint="plain", size="128")
    for name in ("plain", "off"):
        assert f"{name} (never saw SimAM)" in app.selectbox(key="control-checkpoint").options
    app.button(key="sweep-start").click().run()
    while not app.dataframe:
        checked(app.run())
    marked = [caption.value for caption in app.caption if "These weights never saw SimAM in training." in caption.value]
    assert len(marked) == 2
    listed = open_page(PAGE).dataframe[0].value.set_index("network")
    assert listed["trained with SimAM"]["plain"] == listed["trained with SimAM"]["off"] == "never"
    assert listed["λ"][["plain", "off"]].isna().all()


@pytest.mark.parametrize(
    "arch",
    [
        pytest.param(arch, marks=[] if arch in ("resnet18", "mobilenet_v2") else [pytest.mark.long])
        for arch in ARCHITECTURES
    ],
)
def test_every_authors_network_from_the_page(arch: str) -> None:
    """Uploaded in the sidebar of the Overview, it says what the authors' own network says, with the same weights."""
    network = authors_network(arch, classes=7)
    with torch.no_grad():  # random weights make all classes alike, which would prove nothing
        head = network.classifier[0] if arch == "mobilenet_v2" else network.fc
        head.weight.mul_(30)
    app = open_page("app.py")
    checked(app.toggle(key="own-checkpoint-on").set_value(True).run())
    upload(app, f"{arch}.pth.tar", saved(authors_checkpoint(network, arch)).getvalue(), "sidebar")
    assert not app.error
    own = app.session_state["own-checkpoints"][app.session_state["view"]["checkpoint"]]
    x = own.transforms.tensor(own.transforms.view(list_samples()[0].image()))[None]
    with torch.no_grad():
        logits = network(x)[0]
    probability, index = logits.softmax(0).max(0)
    assert f"The network says: class {int(index)} ({pictures.percent(float(probability))})" in everything(app)
    analysis = simam_viz.analyze(own, list_samples()[0].image())
    torch.testing.assert_close(analysis.logits, logits, rtol=1e-4, atol=1e-4)
    published = [module.seen[0] for module in network.modules() if isinstance(module, PublishedSimAM)]
    for block, weights in zip(analysis.blocks, published, strict=True):
        assert (block.attention - weights).abs().max() <= 1e-4, block.name


def photos_of_classes(root: Path, names: list[str], each: int) -> None:
    """A folder of grey photos for each class."""
    for number, name in enumerate(names):
        (root / name).mkdir(parents=True)
        for index in range(each):
            Image.new("RGB", (40, 40), (40 * number, 20 * index, 0)).save(root / name / f"{index}.png")


def constant_network(folder: Path, name: str, answers: list[float], card: dict[str, object]) -> Path:
    """A network that gives every photo the same logits."""
    model = create_model("resnet18", "simam", len(answers))
    torch.nn.init.zeros_(model.fc.weight)
    model.fc.bias.data = torch.tensor(answers)
    torch.save(model.state_dict(), folder / f"{name}.pth")
    (folder / f"{name}.json").write_text(json.dumps(card))
    return folder / f"{name}.pth"


def measured(app: AppTest) -> AppTest:
    checked(app.button(key="accuracy-start").click().run())
    while app.session_state["task-accuracy"].running:
        checked(app.run())
    return checked(app.run())


@pytest.mark.long
def test_accuracy_is_measured_and_written_into_the_card(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data"
    monkeypatch.setenv("SIMAM_VIZ_DATA", str(data))
    card = {"arch": "resnet18", "trained_with_simam": True, "categories": list("abcdefg"), "input_size": 128}
    weights = constant_network(tmp_path / "weights", "constant", [0.0, 9.0, 8.0, 7.0, 6.0, 5.0, 1.0], card)
    app = open_page(PAGE, checkpoint="constant")
    assert "it appears here by itself" in everything(app), "no data set yet"
    photos_of_classes(data / "letters", list("abcdefg"), 3)
    (data / "letters" / "b" / "0.png").write_bytes(b"no photo")
    (data / "letters" / "c" / "n.txt").write_bytes(b"no photo")
    make_small_data(data / "tiny")
    checked(app.run())
    assert app.selectbox(key="accuracy-data").options == ["letters", "tiny"]
    measured(app)
    # Of 20 photos that can be read, 2 are of class b and 14 of one of the five that it always names.
    assert "**10.00 %** top-1 and **70.00 %** top-5 on 20 photos of letters at 128 px" in everything(app)
    unread, no_photo = (warning.value.replace("\\", "") for warning in app.warning)
    assert "1 of the files cannot be read" in unread and "b/0.png: " in unread
    assert "do not end like those of photos: 1 of the files, among them c/n.txt." in no_photo
    assert "Written into its card." in everything(app)
    noted = json.loads(weights.with_suffix(".json").read_text())
    assert (on_page := noted.pop("accuracy")) == {
        "top1": 10.0, "top5": 70.0, "images": 20, "input_size": 128, "how": "the Models page on letters, float32"
    } and noted == card  # fmt: skip
    assert app.dataframe[0].value.set_index("network")["top-1 (%)"]["constant"] == 10.0
    assert "Measured: 10.0 % top-1 and 70.0 % top-5 on 20 validation images at 128 px." in everything(app)

    # What does not fit is said, without a word on where it lies.
    app.selectbox(key="accuracy-data").select("tiny").run()
    assert "does not have the classes of tiny" in app.error[0].value and str(tmp_path) not in everything(app)

    # Tiny ImageNet's layout, with an upload: as the command line measures it.
    small = constant_network(tmp_path / "weights", "small", [1.0, 2.0, 0.0], {"input_size": 128})
    upload(app, "small.pth", small.read_bytes())
    checked(app.selectbox(key="accuracy-data").select("tiny").run())
    measured(app)
    assert "**25.00 %** top-1 and **100.00 %** top-5 on 4 photos of tiny" in everything(app)
    assert "which this session keeps" in everything(app) and "Measured: 25.0 % top-1" in everything(app)
    assert main(["evaluate", *data_arguments(data / "tiny"), "--checkpoint", str(small)]) == 0
    assert "top-1 25.00 %, top-5 100.00 %" in capsys.readouterr().out
    # And of folders with files that do not count the same, on the screen and on the command line.
    weights.with_suffix(".json").write_text(json.dumps(card))
    assert main(["evaluate", "--data", str(data / "letters"), "--checkpoint", str(weights)]) == 0
    told = capsys.readouterr()
    assert told.out == "constant, 20 validation images at 128 px: top-1 10.00 %, top-5 70.00 %\n"
    assert "1 of the files cannot be read" in told.err and "b/0.png: " in told.err
    assert "do not end like those of photos: 1 of the files, among them c/n.txt." in told.err
    again = json.loads(weights.with_suffix(".json").read_text())["accuracy"]
    assert again == on_page | {"how": "python -m simam_viz evaluate on letters, float32"}
    for photo in (data / "letters").glob("*/*.png"):
        photo.write_bytes(b"no photo")
    assert main(["evaluate", "--data", str(data / "letters"), "--checkpoint", str(weights)]) == 2
    told = capsys.readouterr().err
    assert (
        "There is no photo to measure on. 21 of the files cannot be read and do not count, among them a/0.png: " in told
    )


@pytest.mark.parametrize(
    "entry",
    [
        {"trained_with_simam": "yes"}, {"trained_with_simam": [1]}, {"accuracy": 5}, {"accuracy": {"top1": 50}}, {"title": [3]},
        {"e_lambda": "much"}, {"published_accuracy": {"top1": "high"}}, {"attention": {}}, {"arch": ["resnet18"]},
    ],
    ids=str,
)  # fmt: skip
def test_a_bad_card_spoils_nothing_but_its_own_network(entry: dict[str, object], tmp_path: Path) -> None:
    torch.save(changed(), tmp_path / "weights" / "mine.pt")
    (tmp_path / "weights" / "mine.json").write_text(json.dumps(entry))
    app = open_page(PAGE)
    assert "mine" in list(app.dataframe[0].value["network"]) and metrics(app)["Classes"] == "200"
    with pytest.raises(simam_viz.CheckpointError, match=rf"entry {next(iter(entry))}(\.\w+)? of the card mine.json"):
        simam_viz.load_checkpoint("mine")


@pytest.mark.long
def test_the_card_is_kept_beside_a_file_of_the_folder(tmp_path: Path) -> None:
    path = tmp_path / "weights" / "mine.pt"
    torch.save(create_model("resnet18", "none", 200).state_dict(), path)
    app = open_page(PAGE, checkpoint="mine")
    field(app, "selectbox", "Was it trained with SimAM?").select("No")
    field(app, "selectbox", "Run it").select("without SimAM")
    field(app, "number_input", "Input size in pixels").set_value(64)
    field(app, "selectbox", "Class names").select("Tiny ImageNet's 200, sorted by WordNet id (as ImageFolder does)")
    checked(next(b for b in app.button if b.label == "Save").click().run())
    assert "The card is saved" in everything(app) and metrics(app)["Trained with SimAM"] == "never"
    card = json.loads(path.with_suffix(".json").read_text())
    assert (
        card["trained_with_simam"] is False
        and card["attention"] == "none"
        and card["categories"][0] == "goldfish, Carassius auratus"
    )
    again = simam_viz.load_checkpoint(path)
    assert not again.assumed and not again.attends
    samples_run(app)
    assert len([m for m in app.markdown if m.value.startswith("1. ")]) == len(list_samples())


def test_a_broken_file_in_the_folder_leaves_the_default_working(tmp_path: Path) -> None:
    (tmp_path / "weights" / "broken.pt").write_bytes(b"PK nothing")
    app = open_page("app.py", checkpoint="broken")
    assert "damaged" in app.error[0].value
    assert app.session_state["view"]["checkpoint"] == simam_viz.list_checkpoints()[0].name


def test_the_file_on_the_command_line_opens_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, authors_file: bytes
) -> None:
    path = tmp_path / "given.pth"
    path.write_bytes(authors_file)
    monkeypatch.setattr(sys, "argv", [str(ROOT / "app.py"), str(path)])
    app = open_page(PAGE)
    assert app.selectbox(key="control-checkpoint").value == "given" and metrics(app)["Classes"] == "5"
    path.unlink()
    app = open_page("app.py")
    assert "There is no file given" in app.error[0].value.replace("\\", "")
    monkeypatch.setattr(sys, "argv", ["pytest", str(ROOT / "README.md")])
    assert given.started() == given.Started(), "another program's arguments are not ours"


def test_somebody_elses_checkpoint_is_asked_for() -> None:
    app = open_page(PAGE, checkpoint="own-0123456789abcdef")
    assert "Upload that file" in app.info[0].value and metrics(app)["Classes"] == "200"


@pytest.mark.long
def test_torchvisions_weights_from_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "served"
    with serving(folder) as address:
        ours = publish(address, folder, monkeypatch)
        app = open_page(PAGE)
        file = folder / "weights.pth"
        whole = file.read_bytes()
        file.unlink()
        checked(app.button(key="torchvision-download").click().run())
        assert "could not be downloaded" in app.error[0].value.replace("\\", "") and metrics(app)["Classes"] == "200"
        file.write_bytes(whole)
        checked(app.button(key="torchvision-download").click().run())
        assert app.selectbox(key="control-checkpoint").value == ours.name
        assert metrics(app)["Classes"] == "1,000" and metrics(app)["Trained with SimAM"] == "never"
        assert "hypothetical" in everything(app)


def test_classes_of_one_name_can_be_told_apart(loaded: simam_viz.LoadedCheckpoint) -> None:
    cranes = replace(loaded, categories=("crane, a bird", "tench", "crane, a machine"))
    assert sidebar.class_names(cranes) == ["crane (0)", "tench", "crane (2)"]
    assert sidebar.class_names(loaded) == [category.split(",")[0] for category in loaded.categories]


@pytest.mark.long
def test_loading_blocks_nobody_else(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """While one person's file is being read, another person's network loads and opens."""
    torch.save(create_model("resnet18", "none", 3).state_dict(), tmp_path / "weights" / "slow.pt")
    torch.save(create_model("resnet18", "none", 4).state_dict(), tmp_path / "weights" / "other.pt")
    reading, go_on = threading.Event(), threading.Event()
    load = zoo.load_checkpoint

    def slowly(path: str) -> LoadedCheckpoint:
        if "slow" in str(path):
            reading.set()
            assert go_on.wait(60)
        return load(path)

    monkeypatch.setattr(zoo, "load_checkpoint", slowly)
    results = {}
    thread = threading.Thread(target=lambda: results.update(slow=open_page(PAGE, checkpoint="slow", size="128")))
    thread.start()
    try:
        assert reading.wait(60)
        app = open_page(PAGE, checkpoint="other", size="128")
        assert len(app.selectbox(key="control-class").options) == 1 + 4 and thread.is_alive()
    finally:
        go_on.set()
        thread.join(120)
    assert len(results["slow"].selectbox(key="control-class").options) == 1 + 3


def test_published_names_are_all_offered() -> None:
    app = open_page(PAGE)
    assert len(app.selectbox(key="torchvision-name").options) == len(torchvision_weights.published()) >= 12
