"""The lesson's eight scenes as a person meets them: where they stand, what they say, what is dragged."""

from __future__ import annotations

import re

from playwright.sync_api import FloatRect, Locator, Page, expect

from simam_viz.lesson.saying import DIGITS, DIGITS_OF, said
from simam_viz.lesson.scenes import SCENES
from tests.helpers.reading import _

TITLES = [scene.title for scene in SCENES]
"""As the code has them."""


class Stage:
    """The scenes on one page."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.body = page.locator(".lesson")

    def stands_at(self, index: int) -> None:
        """The scene of this number is there whole, and the address says so."""
        expect(self.body.locator("h2")).to_have_text(_(TITLES[index]), timeout=60_000)
        expect(self.page).to_have_url(re.compile(f"scene={SCENES[index].name}(&|$)"), timeout=30_000)

    def open(self, index: int) -> None:
        """Go to the scene of this number."""
        self.body.get_by_role("button", name=_(TITLES[index])).click()
        self.stands_at(index)

    def next(self) -> None:
        self.body.get_by_role("button", name=_("Next")).click()

    def back(self) -> None:
        self.body.get_by_role("button", name=_("Back"), exact=False).first.click()

    def answer(self) -> str:
        """The one number of the scene."""
        return self.body.locator(".answer .value").inner_text()

    def says(self, name: str, value: float) -> None:
        """The scene's number is this value of the name it has among the values."""
        expect(self.body.locator(".answer .value")).to_have_text(
            said(value, DIGITS_OF.get(name, DIGITS)), timeout=30_000
        )

    def handle(self, name: str) -> Locator:
        """Something that is dragged, by its name in the code; λ has no other in any language."""
        return self.body.get_by_role("slider", name=name if name == "λ" else _(name), exact=True)

    def drag(self, name: str, across: float, down: float) -> None:
        """Drag something by so many pixels, as a hand does: in steps."""
        box = self.box(name)
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        self.page.mouse.move(x, y)
        self.page.mouse.down()
        self.page.mouse.move(x + across, y + down, steps=6)
        self.page.mouse.up()

    def box(self, name: str) -> FloatRect:
        """Where a handle lies on the page, once it stands: the scene may be drawn anew meanwhile."""
        for _time in range(100):
            if (box := self.handle(name).bounding_box()) is not None:
                return box
            self.page.wait_for_timeout(100)
        raise AssertionError(f"{name} stands nowhere")

    def cell(self, name: str, row: int, column: int, size: int = 9) -> tuple[float, float]:
        """Where a cell of a map lies on the page."""
        box = self.box(name)
        return box["x"] + (column + 0.5) * box["width"] / size, box["y"] + (row + 0.5) * box["height"] / size
