"""Hooks of mkdocs: pages that live outside docs/ or are generated, notebooks as pages, formulas as MathML."""

from __future__ import annotations

import html
import posixpath
import re
from pathlib import Path
from typing import Any

from latex2mathml.converter import convert
from make_reference import pages
from mkdocs.structure.files import File

from gossipsim.manual import FAMILIES

ROOT = Path(__file__).parents[1]
MOVED = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "benchmarks/README.md": "benchmarks.md",
    "benchmarks": "benchmarks.md",
    "scenarios": "reference/scenarios.md",
}
"""Where a file of the repository stands in the site."""

_FORMULA = re.compile(r'<(span|div) class="arithmatex">\s*\\[(\[](.*?)\\[)\]]\s*</\1>', re.DOTALL)
_LINK = re.compile(r"(\]\()([^)\s#]+)((?:#[^)\s]*)?\))")
_WRITTEN = ((r"\\tag\{(.*?)\}", r"\\qquad (\1)"), (r"\{aligned\}", "{align*}"), (r"\\arg\b", r"\\operatorname{arg}"))
"""Commands that latex2mathml does not know, and what it knows instead."""


def on_config(config: Any) -> Any:
    """Add every notebook, and families that mkdocs.yml does not name, to the navigation."""
    for part in config.nav:
        if "Reference" in part:
            named = {place for entry in part["Reference"] for place in entry.values()} | {"reference/methods.md"}
            more = [f"reference/{family}.md" for family in FAMILIES if f"reference/{family}.md" not in named]
            part["Reference"] += more
        if "Notebooks" in part:
            part["Notebooks"] = ["notebooks/index.md", *(f"notebooks/{file.stem}.md" for file in _notebooks())]
    return config


def _notebooks() -> list[Path]:
    return sorted((ROOT / "notebooks").glob("*.ipynb"))


def on_files(files: Any, config: Any) -> Any:
    """Add the pages that are not files of docs/."""
    _copies.clear()
    found = {MOVED[name]: (ROOT / name).read_text(encoding="utf-8") for name in MOVED if name.endswith(".md")}
    notebooks = {f"notebooks/{file.stem}.md": _notebook(file) for file in _notebooks()}
    for place, text in (found | notebooks | pages() | {"notebooks/index.md": _list(notebooks)}).items():
        _put(files, File.generated(config, place, content=text))
    _copies["scaling.png"] = (ROOT / "benchmarks" / "scaling.png").read_bytes()
    for place, content in _copies.items():
        _put(files, File.generated(config, place, content=content))
    return files


_copies: dict[str, bytes] = {}
"""Pictures that generated pages show."""


def _put(files: Any, file: File) -> None:
    old = files.get_file_from_path(file.src_uri)
    if old is not None:
        files.remove(old)
    files.append(file)


def _notebook(file: Path) -> str:
    """Return a notebook as Markdown; its pictures go beside it."""
    from nbconvert import MarkdownExporter

    exporter = MarkdownExporter()
    text, resources = exporter.from_filename(str(file), resources={"unique_key": file.stem})
    for name, content in resources["outputs"].items():
        picture = f"{file.stem}_{name}" if not name.startswith(file.stem) else name
        _copies[f"notebooks/{picture}"] = content
        text = text.replace(f"]({name})", f"]({picture})")
    # what a cell displays as text is indented; pandas' tables bring a style of their own, which the site has already
    text = re.sub(r"<style scoped>.*?</style>", "", text, flags=re.DOTALL)
    text = text.replace('<table border="1" class="dataframe">', "<table>")
    text = re.sub(r"^%.*\n", "", text, flags=re.MULTILINE)
    return f"{text}\n\nThis page is `notebooks/{file.name}`, as it was run.\n"


def _list(notebooks: dict[str, str]) -> str:
    lines = [
        "# Notebooks",
        "",
        "Each runs from the first cell to the last in a few seconds to a minute, and is tested to do so.",
        "",
    ]
    for place, text in notebooks.items():
        title, _, rest = text.strip().partition("\n")
        first = " ".join(rest.strip().partition("\n\n")[0].split())
        lines += [f"**[{title.lstrip('# ')}]({posixpath.basename(place)})**: {first}", ""]
    return "\n".join(lines)


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Turn links between files of the repository into links between pages of the site."""
    origin = {place: name for name, place in MOVED.items()}.get(page.file.src_uri, f"docs/{page.file.src_uri}")
    if page.file.src_uri.startswith("notebooks/"):
        origin = page.file.src_uri

    def led(link: re.Match[str]) -> str:
        target = link[2]
        if "://" in target or target.startswith("mailto:"):
            return link[0]
        place = posixpath.normpath(posixpath.join(posixpath.dirname(origin), target))
        found = _place(place, files)
        if found is None:
            return link[0]
        return link[1] + posixpath.relpath(found, posixpath.dirname(page.file.src_uri) or ".") + link[3]

    return _LINK.sub(led, markdown)


def _place(name: str, files: Any) -> str | None:
    """Return where a file of the repository stands in the site, or None."""
    if name in MOVED:
        return MOVED[name]
    if name.startswith("scenarios/"):
        return MOVED["scenarios"]
    if name.startswith("notebooks/") and name.endswith(".ipynb"):
        return name.removesuffix("ipynb") + "md"
    if name == "LICENSE":
        return "contributing.md"
    inside = name.removeprefix("docs/")
    if name.startswith("docs/") and files.get_file_from_path(inside) is not None:
        return inside
    return "scaling.png" if name == "benchmarks/scaling.png" else None


def on_page_content(content: str, **_: Any) -> str:
    """Write formulas as MathML, which browsers draw without any script."""
    return _FORMULA.sub(lambda found: mathml(html.unescape(found[2]), found[1] == "div"), content)


def mathml(formula: str, displayed: bool = False) -> str:
    """Return a formula of LaTeX as MathML; a command that is not known is an error."""
    for theirs, ours in _WRITTEN:
        formula = re.sub(theirs, ours, formula)
    found = convert(formula, display="block" if displayed else "inline")
    unknown = re.search(r"\\[A-Za-z]+", found)
    if unknown:
        raise ValueError(f"{unknown[0]} is not known to latex2mathml, in the formula {formula.strip()}")
    return found
