"""Formats of files with times between places."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np

from gossipsim.arrays import Floats, Integers
from gossipsim.errors import ScenarioError, shown
from gossipsim.text_files import amount, read_columns, read_rows

ENDS = {"source": ("source", "from", "i", "u", "src"), "destination": ("destination", "target", "to", "j", "v", "dst")}
TIMES = ("delay", "latency", "time", "ms", "milliseconds")


class Times(NamedTuple):
    """Times between places in the unit of the file: `time[k]` from place `source[k]` to place `target[k]`, each pair once."""

    names: list[str]
    source: Integers
    target: Integers
    time: Floats


def read_matrix(text: str) -> Times:
    r"""Read n lines of n numbers between commas or blanks: line i, column j is the time from i to j.

    Examples
    --------
    >>> read_matrix("0,3\n4,0\n").time.tolist()
    [0.0, 3.0, 4.0, 0.0]
    """
    rows: list[list[float]] = []
    for line, cells in _lines(text):
        row = []
        for column, cell in enumerate(cells, start=1):
            row.append(amount(cell, f"column {column}: time", line))
        if rows and len(row) != len(rows[0]):
            raise ScenarioError(f"{len(row)} numbers", line=line, allowed=f"{len(rows[0])}, as on the first line")
        rows.append(row)
        here = len(rows)
        if here <= len(row) and row[here - 1] != 0.0:
            raise ScenarioError(
                f"column {here}: time {row[here - 1]:g} from a place to itself", line=line, allowed="0 on the diagonal"
            )
    if len(rows) != len(rows[0]):
        raise ScenarioError(f"{len(rows)} lines of {len(rows[0])} numbers", allowed="a square matrix")
    source, target = np.divmod(np.arange(len(rows) ** 2), len(rows))
    return Times([str(k) for k in range(len(rows))], source, target, np.array(rows).ravel())


def read_edges(text: str) -> Times:
    r"""Read CSV with the columns source, target and delay, every directed pair at most once.

    Examples
    --------
    >>> read_edges("source,target,delay\n0,1,3\n1,2,4\n").names
    ['0', '1', '2']
    """
    found: dict[tuple[str, str], float] = {}
    for line, (u, v, time) in read_columns(text, {**ENDS, "delay": TIMES}):
        if u == v:
            raise ScenarioError(f"from {shown(u)} to itself", line=line, allowed="two places")
        if (u, v) in found:
            raise ScenarioError(f"the time from {shown(u)} to {shown(v)} is given twice", line=line)
        found[u, v] = amount(time, "time", line)
    return _times(found.items())


def read_wondernetwork(text: str) -> Times:
    """Read pings of WonderNetwork: CSV with source, destination and avg among its columns; repeats are averaged."""
    found: dict[tuple[str, str], list[float]] = {}
    for line, (u, v, time) in read_columns(text, {**ENDS, "avg": ("avg",)}):
        # a place may ping itself, which says nothing about links
        if u != v:
            found.setdefault((u, v), []).append(amount(time, "time", line))
    return _times((pair, float(np.mean(times))) for pair, times in found.items())


def read_meridian(text: str) -> Times:
    """Read lines `i j time` of the Meridian data set, places in the order of their numbers."""
    found: dict[tuple[str, str], float] = {}
    for line, cells in _lines(text):
        if len(cells) != 3 or not (cells[0].isdigit() and cells[1].isdigit()):
            raise ScenarioError(
                f"given {shown(' '.join(cells))}", line=line, allowed="two numbers of places and a time"
            )
        found[cells[0], cells[1]] = amount(cells[2], "time", line)
    return _times(found.items(), key=int)


_LOOK_UP = re.compile(r"(\S+)\s+-->\s+(\S+)\s+\d+\s+(\d+)\s+(\d+)")


def read_king(text: str) -> Times:
    """Read raw measurements of the p2psim King data set: lines `a --> b k whole first`.

    A round trip is the time of the whole look-up minus that of its first leg; the median of the positive ones is taken.
    """
    found: dict[tuple[str, str], list[float]] = {}
    for line, content in enumerate(text.splitlines(), start=1):
        if not content.strip():
            continue
        match = _LOOK_UP.fullmatch(content.strip())
        if match is None:
            raise ScenarioError(f"given {shown(content.strip())}", line=line, allowed="a --> b number time time")
        u, v, whole, first = match.groups()
        times = found.setdefault((u, v), [])
        if int(whole) > int(first) and u != v:
            times.append(float(int(whole) - int(first)))
    return _times((pair, float(np.median(times))) for pair, times in found.items() if times)


def _lines(text: str) -> Iterator[tuple[int, list[str]]]:
    if "," in text:
        yield from read_rows(text)
        return
    for line, content in enumerate(text.splitlines(), start=1):
        if content.strip():
            yield line, content.split()


def _times(found: Iterable[tuple[tuple[str, str], float]], key: Callable[[str], int] | None = None) -> Times:
    """Return times with places numbered as they appear, or in the order of a key."""
    rows = list(found)
    if not rows:
        raise ScenarioError("no time between two places", allowed="one or more")
    names = list(dict.fromkeys(name for pair, _ in rows for name in pair))
    if key is not None:
        names.sort(key=key)
    number = {name: k for k, name in enumerate(names)}
    ends = np.array([[number[u], number[v]] for (u, v), _ in rows], dtype=np.int64)
    return Times(names, ends[:, 0], ends[:, 1], np.array([time for _, time in rows]))


class Format(NamedTuple):
    """How to read a format: its reader, its unit, whether times are round trips, which places the nodes are (see `places`)."""

    read: Callable[[str], Times]
    unit: str
    round_trip: bool
    rule: str


FORMATS = {
    "matrix": Format(read_matrix, "ms", False, "all"),
    "edges": Format(read_edges, "ms", False, "named"),
    "wondernetwork": Format(read_wondernetwork, "ms", True, "first"),
    "meridian": Format(read_meridian, "us", True, "first"),
    "king": Format(read_king, "us", True, "first"),
}


def format_of(text: str) -> str:
    r"""Return the format of a text, by its first line and the number of its lines.

    Examples
    --------
    >>> [format_of(text) for text in ("0 1\n1 0\n", "1 2 30\n", '"source","destination","avg"\n', "a --> b 1 9 5\n")]
    ['matrix', 'meridian', 'wondernetwork', 'king']
    """
    lines = text.strip().splitlines()
    opening = lines[0].lower()
    if "-->" in opening:
        return "king"
    cells = [cell.strip(' "') for cell in opening.split(",")]
    if "avg" in cells:
        return "wondernetwork"
    if not set(cells).isdisjoint(ENDS["source"]):
        return "edges"
    words = opening.split()
    three = len(words) == 3 and words[0].isdigit() and words[1].isdigit()
    return "meridian" if three and len(lines) != 3 else "matrix"
