"""What is asked of the styles of the whole page."""

from __future__ import annotations

import re

from simam_viz.app.style import STYLE


def test_no_selector_has_the_whole_page_looked_through_when_any_class_changes() -> None:
    rules = re.sub(r"/\*.*?\*/", "", STYLE.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert ".st-key-channels-mosaic" in rules
    assert not re.findall(r"[^{}]*\[class[*^$|~]?=[^{}]*", rules)
