"""What the site takes from outside ``docs/``: README as its front page, notes for contributors, pictures.

Links between those files and the pages are written as a reader of the repository needs them, and turned here into the site's.
"""

from __future__ import annotations

import html
import re
from pathlib import Path

from latex2mathml import converter
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent
PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "SECURITY.md": "security.md",
}
"""Files at the top of the repository that are pages of the site."""
FORMULA = re.compile(r'<(span|div) class="arithmatex">\\([\[(])(.*?)\\[\])]</\1>', re.S)
ROLE = re.compile(r":(?:func|class|meth|mod|data|attr):<code>~?([\w.]+)</code>")
"""How docstrings refer to what has a name."""
SHIPPED = (
    "assets/screenshots/*",
    "assets/figures/*",
    "assets/samples/CREDITS.md",
    "LICENSE",
    "CITATION.cff",
    "examples/*.ipynb",
)
"""What pages show or link to; the rest of the repository is not part of the site."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what lies outside ``docs/``."""
    for name, page in PAGES.items():
        files.append(File.generated(config, page, content=(ROOT / name).read_text(encoding="utf-8")))
    for pattern in SHIPPED:
        for path in sorted(ROOT.glob(pattern)):
            name = path.relative_to(ROOT).as_posix()
            files.append(File.generated(config, name, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Links as the site has them: ``docs/x.md`` and ``../assets/y`` both lie at its top. A displayed formula has its own lines."""
    deep = "/" in page.file.src_uri
    text = markdown.replace("](../../", "](../") if deep else re.sub(r"\]\((?:docs/|\.\./)", "](", markdown)
    text = text.replace("](README.zh-CN.md", "](zh/index.md")
    for name, target in PAGES.items():
        text = text.replace(f"]({name}", f"]({target}")
    text = re.sub(r" *(\$\$.+?\$\$)", r"\n\n\1\n\n", text)
    return text.replace("](examples)", "](examples/first_look.ipynb)")


def on_page_content(content: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Formulas as MathML, which a browser draws without any script; what docstrings refer to as links."""
    content = FORMULA.sub(_formula, content)
    there = set(re.findall(r' id="(simam_viz[\w.]+)"', content))

    def reference(found: re.Match[str]) -> str:
        name = f"<code>{found[1].removeprefix('simam_viz.')}</code>"
        return f'<a href="#{found[1]}">{name}</a>' if found[1] in there else name

    return ROLE.sub(reference, content)


def _formula(found: re.Match[str]) -> str:
    brackets = {"l": r"\left", "r": r"\right"}  # the converter draws those that grow by themselves
    tex = re.sub(r"\\[bB]ig([lr])", lambda side: brackets[side[1]], html.unescape(found[3]))
    return str(converter.convert(tex, display="block" if found[2] == "[" else "inline"))
