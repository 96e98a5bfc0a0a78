"""A card as the screen shows it."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest

from tests.helpers.cards import CARD


def test_the_card_is_on_screen() -> None:
    def page(entries: dict) -> None:
        from PIL import Image

        import simam_viz
        from simam_viz.app.photo import Photo
        from simam_viz.app.screens.models import shown_card
        from simam_viz.app.widgets.shown import Shown
        from simam_viz.checkpoints.card import Card
        from simam_viz.checkpoints.loading import LoadedCheckpoint, Transforms

        photo = Photo("a", "a", "", "", Image.new("RGB", (8, 8)), "a")
        card, model = Card.of(entries), simam_viz.create_model("resnet18", num_classes=5)
        loaded = LoadedCheckpoint("a", model, Transforms(), card.categories, 0.1, card)
        shown_card.classes_known(Shown("Models", photo, loaded, (), {}, (0, 0, 8, 8)), loaded)

    app = AppTest.from_function(page, kwargs={"entries": dict(CARD)}, default_timeout=30).run()
    assert not app.exception
    text = " ".join(markdown.value for markdown in app.markdown)
    for part in ("56.2 %", "Expected calibration error", "Pointing game", "−1.50 points", "2 h 35 min", "one, uno"):
        assert part in text
    assert [len(table.value) for table in app.dataframe] == [2, 4, 2]
