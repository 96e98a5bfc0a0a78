"""Reads back what is taken home: tables and reports."""

from __future__ import annotations

import base64
import csv
import io
from html.parser import HTMLParser


def read(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))


class Page(HTMLParser):
    """What a report refers to, and what stands in it."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.pictures: list[tuple[str, bytes]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        found = dict(attributes)
        self.addresses += [found[name] for name in ("src", "href", "srcset", "data") if name in found]
        if tag == "img":
            kind, _, data = found["src"].partition(",")
            assert kind == "data:image/png;base64"
            self.pictures.append((found["alt"], base64.b64decode(data)))

    def handle_data(self, data: str) -> None:
        self.text += data


def parsed(html: bytes) -> Page:
    page = Page()
    page.feed(html.decode())
    return page
