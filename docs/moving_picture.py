"""Makes the README's moving picture from the running app: λ is dragged on the Overview, and every block follows.

``python -m docs.moving_picture`` writes ``assets/screenshots/lambda.webp``. It needs what ``docs.screenshots`` needs.
"""

from __future__ import annotations

import io

from PIL import Image
from playwright.sync_api import Page

from docs.screenshots import FOLDER, Shot, browsing, opened, serving

SHOT = Shot("?photo=chelsea-the-cat&lambda=0.001", "Overview", 1440, 900)
FIRST, LAST = 18, 42  # of the slider's stops: from 0.001, below which little moves, to 10
WIDTH = 860
FRAME_MS, REST_MS = 90, 1200
MARGIN = 12


def frames(page: Page) -> list[Image.Image]:
    """The film of the network, from the first λ to the last, a stop each."""
    slider = page.locator("input[type=range]:visible:is([aria-label^='λ, from'])").bounding_box()
    film = page.locator("[data-testid=film]").bounding_box()
    assert slider is not None and film is not None
    clip = {
        "x": film["x"] - MARGIN,
        "y": slider["y"] - 2 * MARGIN,
        "width": film["width"] + 2 * MARGIN,
        "height": film["y"] + film["height"] - slider["y"] + 3 * MARGIN,
    }
    middle = slider["y"] + slider["height"] / 2
    taken = []
    for stop in range(FIRST, LAST + 1):
        page.mouse.move(slider["x"] + 8 + stop / LAST * (slider["width"] - 16), middle)
        if stop == FIRST:
            page.mouse.down()
        page.wait_for_timeout(50)
        picture = Image.open(io.BytesIO(page.screenshot(clip=clip))).convert("RGB")
        taken.append(picture.resize((WIDTH, round(picture.height * WIDTH / picture.width)), Image.Resampling.LANCZOS))
    page.mouse.up()
    return taken


def main() -> None:
    """Make it."""
    with serving() as address, browsing() as browser:
        there = frames(opened(browser, address, SHOT))
    round_trip = there + there[-2:0:-1]
    rests = [REST_MS if number in (0, len(there) - 1) else FRAME_MS for number in range(len(round_trip))]
    path = FOLDER / "lambda.webp"
    round_trip[0].save(
        path,
        save_all=True,
        append_images=round_trip[1:],
        duration=rests,
        loop=0,
        quality=70,
        method=6,
        minimize_size=True,
    )
    print(path, f"{path.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
