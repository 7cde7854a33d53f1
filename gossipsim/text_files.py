"""Text files of a user: read whole, cut into columns, every fault with its file and line."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

from gossipsim.errors import ScenarioError, nearest, shown

if TYPE_CHECKING:
    from gossipsim.graph import Graph

BYTES = 2 * 2**30

Row = tuple[int, list[str]]
"""The number of a line, from 1, and its cells."""


def read_text(path: Path, what: str = "a graph") -> str:
    """Return the text of a file that should hold `what`; missing, empty and binary files are `ScenarioError`."""
    if path.is_dir():
        raise ScenarioError("this is a folder", allowed="a text file")
    try:
        if path.stat().st_size > BYTES:
            raise ScenarioError(f"the file has {path.stat().st_size} bytes", allowed=f"at most {BYTES} bytes")
        content = path.read_bytes()
    except FileNotFoundError:
        names = [other.name for other in path.parent.iterdir()] if path.parent.is_dir() else []
        raise ScenarioError("no such file", hint=nearest(path.name, names)) from None
    except OSError as fault:
        raise ScenarioError(f"cannot read the file: {fault.strerror or fault}") from None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        line = content[: fault.start].count(b"\n") + 1
        raise ScenarioError("not UTF-8 text", line=line, allowed="a UTF-8 text file") from None
    if "\0" in text:
        raise ScenarioError("binary data", line=text[: text.index("\0")].count("\n") + 1, allowed="a UTF-8 text file")
    if not text.strip():
        raise ScenarioError("the file is empty", allowed=what)
    return text


@contextmanager
def inside(path: Path) -> Iterator[None]:
    """Name the file in every `ScenarioError` raised inside, under the key `file`."""
    try:
        yield
    except ScenarioError as fault:
        key = fault.key or ("file",)
        raise ScenarioError(
            fault.message, key=key, allowed=fault.allowed, hint=fault.hint, file=path, line=fault.line
        ) from None


def read_rows(text: str) -> Iterator[Row]:
    r"""Yield the lines of a CSV text that are not blank, cut at commas and stripped.

    Examples
    --------
    >>> list(read_rows('a, "b, c"\n\n1,2\n'))
    [(1, ['a', 'b, c']), (3, ['1', '2'])]
    """
    rows = csv.reader(StringIO(text, newline=""), strict=True, skipinitialspace=True)
    try:
        for cells in rows:
            row = [cell.strip() for cell in cells]
            if any(row):
                yield rows.line_num, row
    except csv.Error as fault:
        raise ScenarioError(f"malformed CSV: {fault}", line=rows.line_num) from None


def read_columns(text: str, columns: Mapping[str, Sequence[str]]) -> Iterator[Row]:
    r"""Yield the cells of the wanted columns, in their order; a header line names them, among others.

    Parameters
    ----------
    text : str
        CSV with a header.
    columns : mapping
        What every wanted column may be called in the header, upper or lower case.

    Raises
    ------
    ScenarioError
        A column without a header, a line with too few or too many cells, malformed CSV; with the line.

    Examples
    --------
    >>> list(read_columns("id,lon,lat\na,1,2\n", {"lat": ("lat", "latitude"), "lon": ("lon", "longitude")}))
    [(2, ['2', '1'])]
    """
    rows = read_rows(text)
    line, header = next(rows)
    found = [cell.lower() for cell in header]
    places = []
    for names in columns.values():
        name = next((name for name in names if name in found), None)
        if name is None:
            raise ScenarioError(
                f"no column {names[0]} in the header {shown(','.join(header))}",
                line=line,
                allowed=", ".join(" or ".join(names) for names in columns.values()),
                hint=nearest(names[0], header),
            )
        places.append(found.index(name))
    for number, cells in rows:
        if len(cells) != len(header):
            raise ScenarioError(f"{len(cells)} cells", line=number, allowed=f"{len(header)}, as in the header")
        yield number, [cells[place] for place in places]


def amount(text: str, what: str, line: int, least: float = 0.0, most: float = math.inf) -> float:
    """Return a cell as a finite number within limits; `what` says in a fault what the number is.

    Examples
    --------
    >>> amount("-1", "rate", line=3)
    Traceback (most recent call last):
        ...
    gossipsim.errors.ScenarioError: line 3: rate '-1'; allowed: a finite number >= 0
    """
    try:
        found = float(text)
    except ValueError:
        found = math.nan
    if not (math.isfinite(found) and least <= found <= most):
        lower = f" >= {least:g}" if least > -math.inf else ""
        upper = f" and <= {most:g}" if most < math.inf else ""
        raise ScenarioError(f"{what} {shown(text)}", line=line, allowed=f"a finite number{lower}{upper}")
    return found


def node_numbers(graph: Graph) -> dict[str, int]:
    """Return the nodes of a graph as files call them: by label when the graph has labels, else by number."""
    return {str(name): i for i, name in enumerate(range(graph.n) if graph.labels is None else graph.labels)}


def node_number(name: str, numbers: Mapping[str, int], line: int) -> int:
    """Return the number of the node that a file calls `name`.

    Examples
    --------
    >>> node_number("Rom", {"Paris": 0, "Rome": 1}, line=2)
    Traceback (most recent call last):
        ...
    gossipsim.errors.ScenarioError: line 2: unknown node 'Rom'; did you mean 'Rome'?
    """
    if name not in numbers:
        few = list(numbers)[:10_000]
        raise ScenarioError(f"unknown node {shown(name)}", line=line, hint=nearest(name, few))
    return numbers[name]
