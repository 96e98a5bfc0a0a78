"""What Streamlit leaves to be said in the browser's own languages."""

from __future__ import annotations

from pathlib import Path

STYLE = Path(__file__).with_name("style.css")
# On a phone the sidebar covers the page, and Streamlit shuts it after its own navigation only. A new page begins at its top.
ARRIVE = """<script>
(() => {
    const sidebar = document.querySelector('[data-testid="stSidebar"]');
    if (sidebar && window.innerWidth < 768 && sidebar.getBoundingClientRect().right > 0)
        sidebar.querySelector('[data-testid="stSidebarCollapseButton"] button')?.click();
    document.querySelector('[data-testid="stMain"]')?.scrollTo(0, 0);
})();
</script>"""

# While a new page is drawn, nothing of the old one stands under its title.
WITHOUT_OLD_PAGE = """<style>[data-testid="stMain"] [data-stale="true"] { display: none; }</style>"""
