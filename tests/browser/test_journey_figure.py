"""A figure made on its page: what is downloaded opens in a browser as it looks on paper."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter
from playwright.sync_api import expect

from simam_viz.photos.samples import list_samples
from tests.helpers.browser import App
from tests.helpers.reading import _


@pytest.mark.long
@pytest.mark.skipif(shutil.which("pdftoppm") is None, reason="poppler's tools are not installed; .ci/run installs them")
def test_the_svg_looks_in_a_browser_as_the_pdf_on_paper(app: App, tmp_path: Path) -> None:
    app.open("figure?size=96&width=120&networks=on,off&panels=photo,weight,cam,difference&answers=yes")
    app.settled("Figure")
    app.page.get_by_role("button", name=_("Make the figure"), exact=True).click()
    expect(app.page.get_by_role("button", name="PDF", exact=True)).to_be_visible(timeout=90_000)
    app.idle()
    for kind in ("PDF", "SVG"):
        with app.page.expect_download(timeout=60_000) as waiting:
            app.page.get_by_role("button", name=kind, exact=True).click()
        assert waiting.value.suggested_filename == f"simam-{list_samples()[0].name}-figure.{kind.lower()}"
        waiting.value.save_as(tmp_path / f"a.{kind.lower()}")
    subprocess.run(["pdftoppm", "-r", "288", "-png", "-singlefile", tmp_path / "a.pdf", tmp_path / "paper"], check=True)
    paper = Image.open(tmp_path / "paper.png").convert("RGB").reduce(3)
    page = app.page.context.browser.new_page(viewport={"width": paper.width, "height": paper.height})
    page.goto((tmp_path / "a.svg").as_uri())
    page.evaluate("document.fonts.ready")
    page.screenshot(path=tmp_path / "screen.png")
    page.close()
    screen = Image.open(tmp_path / "screen.png").convert("RGB")
    soft = [np.asarray(one.filter(ImageFilter.GaussianBlur(2)), dtype=float) for one in (paper, screen)]
    # Every line of text stands where it stands on paper, in its size: a missing or another font would leave its mark.
    assert np.abs(soft[0] - soft[1]).mean() < 3 and (np.abs(soft[0] - soft[1]).max(axis=2) > 60).mean() < 0.005
