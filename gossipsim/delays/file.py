"""Delays measured between places."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field

from gossipsim.arrays import Floats, Integers
from gossipsim.component import InputFile, Positive
from gossipsim.delays.base import Delays, link_ends, places
from gossipsim.delays.readers import FORMATS, Times, format_of
from gossipsim.errors import ScenarioError
from gossipsim.text_files import inside, read_text

if TYPE_CHECKING:
    from gossipsim.graph import Graph

MILLISECONDS = {"us": 1e-3, "ms": 1.0, "s": 1e3}
_EQUAL = 1e-9


class File(Delays, name="file"):
    r"""Times between places from a file: a matrix, a list of pairs, or a data set of WonderNetwork, Meridian or King.

    Formats, all text:

    - `matrix`: n lines of n one-way times in ms between commas or blanks, line i and column j from i to j.
    - `edges`: CSV with the columns source, target, delay, one-way times in ms between nodes by label or number.
    - `wondernetwork`: CSV with source, destination, avg among its columns, round trips in ms, repeats averaged.
    - `meridian`: lines `i j time`, round trips in us (Wong, Slivkins, Sirer, "Meridian: a lightweight network location
      service without virtual coordinates", SIGCOMM 2005).
    - `king`: lines `a --> b k whole first`, us, round trip = whole - first, median (Gummadi, Saroiu, Gribble, "King:
      estimating latency between arbitrary Internet end hosts", IMW 2002, as measured for p2psim).

    Round trips are halved. A time given in one direction only counts for both. Node i is line i of a matrix, which must have
    as many as there are nodes, and the i-th place that appears in a data set; unless `nodes` says otherwise, or the graph has
    labels that are names of places.

    Parameters
    ----------
    file : path
        The file.
    format : {"auto", "matrix", "edges", "wondernetwork", "meridian", "king"}
        By default what the first line looks like.
    time_unit : float
        Milliseconds in one unit of simulated time, the mean time of a gradient.
    unit : {"us", "ms", "s"}, optional
        Unit of the file, when it is not the one of its format.
    round_trip : bool, optional
        Whether times are round trips, when it is not as the format says.
    symmetric : bool or "average"
        Directions keep their own times (false, the default), must agree (true), or share their mean.
    nodes : list, optional
        Which place every node is, by name or number in the file.

    Raises
    ------
    ScenarioError
        With the line, and in a matrix the column: what is no time, negative or not finite, a diagonal that is not 0, lines of
        unequal length. Without: the wrong number of places, a pair that the graph needs and the file lacks, directions that
        differ where they should agree.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from gossipsim.graph import Graph
    >>> path = Path(tempfile.mkdtemp()) / "ms.csv"
    >>> _ = path.write_text("0,30,9\n50,0,20\n9,10,0\n")
    >>> File(file=path, time_unit=100.0).of(Graph.build("path", n=3)).tolist()
    [0.3, 0.5, 0.2, 0.1]
    """

    file: InputFile
    time_unit: Positive = Field(description="milliseconds in one unit of simulated time")
    format: Literal["auto", "matrix", "edges", "wondernetwork", "meridian", "king"] = "auto"
    unit: Literal["us", "ms", "s"] | None = None
    round_trip: bool | None = None
    symmetric: bool | Literal["average"] = False
    nodes: list[int | str] | None = None

    def of(self, graph: Graph) -> Floats:
        """Return the delays `(2m,)` of the directed links."""
        with inside(self.file):
            text = read_text(self.file, "times between places")
            form = FORMATS[format_of(text) if self.format == "auto" else self.format]
            times = form.read(text)
            node = places(graph, times.names, self.nodes, form.rule)
            time = self._on_links(graph, times, node)
        halved = form.round_trip if self.round_trip is None else self.round_trip
        scale = MILLISECONDS[self.unit or form.unit] * (0.5 if halved else 1.0)
        return np.asarray(time * scale / self.time_unit)

    def _on_links(self, graph: Graph, times: Times, node: Integers) -> Floats:
        """Return the times `(2m,)` of the directed links, in the unit of the file."""
        sender, receiver = link_ends(graph)
        there = _looked_up(times, node[sender], node[receiver])
        back = there[graph.reverse]
        known = np.where(np.isnan(there), back, there)
        missing = np.flatnonzero(np.isnan(known))
        if missing.size:
            u, v = (times.names[node[end[missing[0]]]] for end in (sender, receiver))
            more = f", nor for {missing.size // 2 - 1} more links" if missing.size > 2 else ""
            raise ScenarioError(f"no time between {u} and {v}{more}", allowed="one for every link of the graph")
        other = known[graph.reverse]
        if self.symmetric == "average":
            return np.asarray((known + other) / 2.0)
        if self.symmetric:
            wrong = np.flatnonzero(np.abs(known - other) > _EQUAL * np.maximum(known, other))
            if wrong.size:
                k = wrong[0]
                u, v = (times.names[node[end[k]]] for end in (sender, receiver))
                raise ScenarioError(
                    f"{known[k]:g} from {u} to {v}, {other[k]:g} back", key=("symmetric",), allowed="false or average"
                )
        return known


def _looked_up(times: Times, source: Integers, target: Integers) -> Floats:
    """Return the times of some pairs of places, nan where there is none."""
    count = len(times.names)
    number = times.source * count + times.target
    order = np.argsort(number, kind="stable")
    wanted = source * count + target
    place = np.minimum(np.searchsorted(number[order], wanted), len(number) - 1)
    return np.where(number[order][place] == wanted, times.time[order][place], np.nan)
