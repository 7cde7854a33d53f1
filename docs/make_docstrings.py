"""Docstrings as Markdown: formulas, headings, examples and tables of the NumPy layout, for the pages of the site."""

from __future__ import annotations

import re
from typing import Any

from griffe import Extension

_MATH = re.compile(r"^( *)\.\. math::(.*(?:\n(?:\1 +\S.*| *$))*)", re.MULTILINE)
_RULED = re.compile(r"^( *)={3,}[ =]*\n(?:.*\n)*?\1={3,}[ =]*$(?:\n(?:.*\n)*?\1={3,}[ =]*$)?", re.MULTILINE)
_CODE_OR_FORMULA = re.compile(
    r"((?<!\w)\*\w[^*\n]*\w\*(?!\w)|`+[^`]+`+|\\\(.*?\\\)|\\\[.*?\\\]|^```.*?^ *```|^ *>>>.*?$)",
    re.DOTALL | re.MULTILINE,
)


def as_markdown(text: str) -> str:
    r"""Return a docstring's text as Markdown; headings and lists of parameters stay, *words* are emphasised.

    Examples
    --------
    >>> as_markdown("So f(x*) is least: |x - x*|.")
    'So f(x\\*) is least: |x - x\\*|.'
    >>> print(as_markdown(".. math:: x = 1"))
    <BLANKLINE>
    \[x = 1\]
    <BLANKLINE>
    """
    text = _MATH.sub(_displayed, text)
    text = _RULED.sub(lambda table: f"{table[1]}```text\n{table[0]}\n{table[1]}```", text)
    parts = _CODE_OR_FORMULA.split(text)
    parts[::2] = [re.sub(r"(?<=[\w^)])\*(?!\*)(?!\w*\*)", r"\\*", part) for part in parts[::2]]
    return "".join(parts)


def sections(text: str) -> dict[str, str]:
    r"""Return the text before the first heading of a docstring under "", and what stands under each heading.

    Examples
    --------
    >>> sections("One line.\n\nNotes\n-----\nMore.")
    {'': 'One line.', 'Notes': 'More.'}
    """
    pieces = re.split(r"^(\S[^\n]*)\n-{3,}\n", text, flags=re.MULTILINE)
    return {"": pieces[0].strip()} | {name: body.strip() for name, body in zip(pieces[1::2], pieces[2::2], strict=True)}


def _displayed(found: re.Match[str]) -> str:
    formula = " ".join(found[2].split())
    if "&" in formula or "\\\\" in formula:
        formula = rf"\begin{{aligned}} {formula} \end{{aligned}}"
    return f"\n{found[1]}\\[{formula}\\]\n"


class Docstrings(Extension):
    """Lets mkdocstrings read the docstrings of the package as Markdown."""

    def on_instance(self, *, obj: Any, **_: Any) -> None:
        """Rewrite the docstring of an object that was found."""
        if obj.docstring is not None:
            obj.docstring.value = as_markdown(obj.docstring.value)
