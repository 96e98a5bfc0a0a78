"""A photo to upload, and what a link calls an uploaded file."""

from __future__ import annotations

import hashlib

from PIL import Image

from tests.helpers.image_bombs import encoded


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


PHOTO = encoded(Image.new("RGB", (90, 90), "teal"), "PNG")
