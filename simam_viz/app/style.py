"""What Streamlit leaves to be said in the browser's own languages."""

from __future__ import annotations

import time
from pathlib import Path

STYLE = Path(__file__).with_name("style.css")
# On a phone the sidebar covers the page, and Streamlit shuts it after its own navigation only. A new page begins at its top. Once
# an arrival: Streamlit may put the same piece of HTML on the page again. Not for the first page of a tab, where it is shut; nor where
# the person has opened it since they chose the page, for a busy browser comes late to this.
_ARRIVE = """<span hidden data-page="{page}"></span><script>
(() => {{
    const [before, now] = [window.simamVizArrival, "{arrival}"];
    window.simamVizArrival = now;
    if (before === undefined) {{
        window.simamVizTapped = "";
        document.addEventListener("click", ({{ target }}) => {{
            if (target.closest?.('[data-testid="stExpandSidebarButton"]')) window.simamVizTapped = "opened";
            else if (target.closest?.("a, button")) window.simamVizTapped = "left";
        }}, true);
        window.addEventListener("popstate", () => (window.simamVizTapped = "left"));
    }}
    if (before === undefined || before === now) return;
    const sidebar = document.querySelector('[data-testid="stSidebar"]');
    if (sidebar && window.simamVizTapped !== "opened" && window.innerWidth < 768 && sidebar.getBoundingClientRect().right > 0) {{
        sidebar.querySelector('[data-testid="stSidebarCollapseButton"] button')?.click();
        document.querySelector('[data-testid="stSidebarContent"]')?.scrollTo(0, 0);  // next time, the links are seen first
    }}
    document.querySelector('[data-testid="stMain"]')?.scrollTo(0, 0);
}})();
</script>"""


def arrive(page: str) -> str:
    """What a browser does when it has been led to this page."""
    return _ARRIVE.format(page=page, arrival=time.monotonic_ns())


# While a new page is drawn, nothing of the old one stands under its title. The span, since Streamlit puts HTML that is style alone
# elsewhere than it is told, where it outlives its place: what a person had in hand was hidden, and lost the keyboard.
WITHOUT_OLD_PAGE = (
    """<span hidden></span><style>[data-testid="stMain"] [data-stale="true"] { display: none; }</style>"""
)


def in_language(tag: str) -> str:
    """Tells the browser what language the page is in: it chooses letters, breaks lines and reads aloud by that."""
    return f'<span hidden></span><script>document.documentElement.lang = "{tag}";</script>'
