"""What a report is made of: tables, figures, and what every kind of result says about where it came from."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite, isnan
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOST_SVG = 600_000
"""Bytes; a figure with more strokes is smaller, and quicker to show, as dots."""


@dataclass(frozen=True)
class Table:
    """A table of texts; `numbers` says which columns stand to the right."""

    title: str
    caption: str
    head: list[str]
    rows: list[list[str]]

    @property
    def numbers(self) -> list[bool]:
        """Whether a column holds numbers, or nothing."""
        columns = [[row[k] for row in self.rows] for k in range(len(self.head))]
        return [any(map(_is_number, column)) and all(map(_is_number, filter(None, column))) for column in columns]


@dataclass(frozen=True)
class Picture:
    """A figure as a data address, with its caption; a broad one takes the whole width."""

    source: str
    caption: str
    broad: bool = False


@dataclass
class Page:
    """All that the template shows; `lead` are the tables that stand before the figures."""

    title: str
    subtitle: str
    scenario: str
    command: str
    headline: list[tuple[str, str]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    lead: list[Table] = field(default_factory=list)
    figures: list[Picture] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    provenance: list[tuple[str, str]] = field(default_factory=list)


def picture(figure: Figure, caption: str, broad: bool = False) -> Picture:
    """Return a figure that stands inside the page itself."""
    from gossipsim.plot import encoded

    raw, kind = encoded(figure, ".svg"), "svg+xml"
    if len(raw) > _MOST_SVG:
        raw, kind = encoded(figure, ".png"), "png"
    return Picture(f"data:image/{kind};base64,{base64.b64encode(raw).decode()}", caption, broad)


def number(value: Any, digits: int = 4) -> str:
    """Return a value as a cell: a short number, a text, or nothing for what is missing.

    Examples
    --------
    >>> number(12345), number(0.000123456), number(None), number(float("inf")), number(True)
    ('12,345', '0.0001235', '', 'not finite', 'yes')
    """
    value = value.item() if hasattr(value, "item") else value
    if value is None or (isinstance(value, float) and isnan(value)):
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.{digits}g}" if isfinite(value) else "not finite"
    return str(value)


def _is_number(text: str) -> bool:
    return text in {"", "not finite", "not reached"} or text[0].isdigit() or (text[0] in "-+>" and len(text) > 1)


def promises(metas: Mapping[str, tuple[Mapping[str, Any], float | None]]) -> Table | None:
    """Return what theory promises beside what was measured, a row per label, or None when nothing is promised.

    Parameters
    ----------
    metas : mapping
        Label -> meta of a trace, and the measured rate per unit time.
    """
    rows = []
    for label, (meta, measured) in metas.items():
        promise = meta.get("promise")
        if promise:
            ratio = None if not measured or not promise["rate"] > 0.0 else measured / promise["rate"]
            met = "met" if promise["met"] else f"not met: {promise['condition']}"
            rows.append(
                [label, promise["quantity"], number(promise["rate"]), number(measured), number(ratio, 3), met,
                 promise["source"]]
            )  # fmt: skip
    head = ["", "decay of", "promised", "measured", "ratio", "condition", "source"]
    caption = "Rates r of exp(-r t), per mean gradient time; measured by least squares on the logarithm."
    return Table("Promise against measurement", caption, head, rows) if rows else None


def origin(meta: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return where a run came from: versions, engine, machine, wall time, certificates."""
    found = [("engine", str(meta.get("engine", "unknown")))]
    versions = meta.get("versions") or {}
    found.append(("versions", ", ".join(f"{name} {number}" for name, number in versions.items())))
    if meta.get("machine"):
        found.append(("machine", str(meta["machine"])))
    wall = meta.get("wall_time")
    if wall:
        found.append(("wall time", f"{wall['running']:.3g} s running, {wall['preparing']:.3g} s preparing"))
    if meta.get("optimum"):
        optimum = meta["optimum"]
        found.append(("optimum", f"|grad f(x*)| = {number(optimum['residual'], 3)}, {optimum['how']}"))
    certificate = (meta.get("rates") or {}).get("certificate")
    if certificate:
        gap = "" if certificate.get("gap") is None else f", gap {certificate['gap']:.1e}"
        found.append(("rates", f"{certificate['criterion']}: {certificate['status']}{gap}"))
    return found


def named_files(given: Any) -> list[str]:
    """Return the absolute paths in plain data, in their order: the files that a scenario reads."""
    if isinstance(given, Mapping):
        return list(dict.fromkeys(path for value in given.values() for path in named_files(value)))
    if isinstance(given, list):
        return list(dict.fromkeys(path for value in given for path in named_files(value)))
    return [given] if isinstance(given, str) and given.startswith("/") else []


def table_of(title: str, caption: str, head: Sequence[str], rows: Iterable[Sequence[Any]]) -> Table:
    """Return a table of values written as cells."""
    return Table(title, caption, list(head), [[number(value) for value in row] for row in rows])
