"""How fast every node computes, fixed for the whole run: the family `speeds`."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

import numpy as np
from pydantic import Field

from gossipsim.arrays import Floats, Integers
from gossipsim.component import Component, InputFile, Positive
from gossipsim.errors import ScenarioError
from gossipsim.stream import generator
from gossipsim.text_files import amount, inside, node_number, node_numbers, read_columns, read_text

if TYPE_CHECKING:
    from gossipsim.graph import Graph
    from gossipsim.law import Calls


class Speeds(Component, kind="speeds"):
    """A speed for every node: a call of the oracle lasts as long as `fleet.compute` says, divided by the speed of its node.

    A list of numbers means `{name: list, values: ...}`.
    """

    shorthand: ClassVar[dict[str, str]] = {"file": "file", "nodes": "nodes"}

    @classmethod
    def parse(cls, spec: object, base: Path | None = None) -> Self:
        """Build the member that `spec` names; a list holds one speed per node.

        Examples
        --------
        >>> Speeds.parse([1.0, 0.5])
        List(values=[1.0, 0.5])
        """
        return super().parse({"name": "list", "values": spec} if isinstance(spec, list) else spec, base)

    @abstractmethod
    def of(self, graph: Graph, seed: int) -> Floats:
        """Return the speeds `(n,)` of the nodes, all > 0."""


class TwoClass(Speeds, name="two_class"):
    """A share of the nodes, drawn at random, is slower than the others by a factor.

    Parameters
    ----------
    share : float
        Part of all nodes that is slow; their number is share n, rounded.
    slowdown : float
        How many times longer they compute.

    Examples
    --------
    >>> from gossipsim.graph import Graph
    >>> sorted(TwoClass(share=0.5, slowdown=10.0).of(Graph.build("path", n=4), seed=1).tolist())
    [0.1, 0.1, 1.0, 1.0]
    """

    share: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
    slowdown: Positive

    def of(self, graph: Graph, seed: int) -> Floats:
        """Return 1 / slowdown for the slow nodes, 1 for the others."""
        found = np.ones(graph.n)
        found[generator(seed, "speeds").choice(graph.n, round(self.share * graph.n), replace=False)] = 1 / self.slowdown
        return found


class Lognormal(Speeds, name="lognormal"):
    """Speeds exp(sigma z_i) of median 1, z_i independent and standard normal.

    Parameters
    ----------
    sigma : float
        Standard deviation of the logarithm; 0.25 to 1 is common.
    """

    sigma: Annotated[float, Field(ge=0, le=5, allow_inf_nan=False)]

    def of(self, graph: Graph, seed: int) -> Floats:
        """Return exp(sigma z), `(n,)`."""
        return np.asarray(np.exp(self.sigma * generator(seed, "speeds").standard_normal(graph.n)))


class List(Speeds, name="list"):
    """The speeds of all nodes, in order.

    Parameters
    ----------
    values : list of float
        One speed per node.
    """

    values: list[Positive]

    def of(self, graph: Graph, seed: int) -> Floats:
        """Return the values."""
        if len(self.values) != graph.n:
            given = f"{len(self.values)} speeds for {graph.n} nodes"
            raise ScenarioError(given, key=("values",), allowed="one for every node")
        return np.array(self.values, dtype=np.float64)


class Nodes(Speeds, name="nodes"):
    """Some nodes have another speed than 1.

    Parameters
    ----------
    nodes : list of int
        Their numbers.
    speed : float
        Their speed.

    Examples
    --------
    >>> from gossipsim.graph import Graph
    >>> Speeds.parse({"nodes": [1], "speed": 0.1}).of(Graph.build("path", n=3), seed=0).tolist()
    [1.0, 0.1, 1.0]
    """

    nodes: list[Annotated[int, Field(ge=0)]]
    speed: Positive

    def of(self, graph: Graph, seed: int) -> Floats:
        """Return the speed for the nodes named, 1 for the others."""
        wrong = [i for i in self.nodes if i >= graph.n]
        if wrong:
            raise ScenarioError(f"node {wrong[0]}", key=("nodes",), allowed=f"0 to {graph.n - 1}")
        found = np.ones(graph.n)
        found[self.nodes] = self.speed
        return found


class File(Speeds, name="file"):
    r"""Measured milliseconds per step of every device, from a CSV file.

    The speed of a node is time_unit over its milliseconds.

    Parameters
    ----------
    file : path
        CSV with the columns `node` and `milliseconds`, every node of the graph once. Nodes go by their label when the
        graph has labels, else by number.
    time_unit : float, optional
        Milliseconds in one unit of simulated time, the step of a node of speed 1 (default: the mean over the nodes).

    Examples
    --------
    >>> import tempfile
    >>> from gossipsim.graph import Graph
    >>> path = Path(tempfile.mkdtemp()) / "devices.csv"
    >>> _ = path.write_text("node,milliseconds\n1,30\n0,10\n")
    >>> File(file=path).of(Graph.build("path", n=2), seed=0).round(3).tolist()
    [2.0, 0.667]
    """

    file: InputFile
    time_unit: Positive | None = None

    def of(self, graph: Graph, seed: int) -> Floats:
        """Return time_unit / milliseconds, `(n,)`."""
        numbers = node_numbers(graph)
        taken = np.zeros(graph.n)
        columns = {"node": ("node",), "milliseconds": ("milliseconds", "ms")}
        with inside(self.file):
            for line, (name, milliseconds) in read_columns(read_text(self.file, "speeds of nodes"), columns):
                i = node_number(name, numbers, line)
                if taken[i]:
                    raise ScenarioError(f"node {name} is given twice", line=line)
                taken[i] = amount(milliseconds, "milliseconds", line, least=1e-9, most=1e12)
            if not taken.all():
                raise ScenarioError(f"node {list(numbers)[int(taken.argmin())]} is missing", allowed="every node once")
        return np.asarray((self.time_unit or taken.mean()) / taken)


@dataclass(frozen=True)
class Divided:
    """Calls of the oracle on nodes of different speed."""

    calls: Calls
    speeds: Floats

    @property
    def mean(self) -> float:
        """Mean duration of all calls that busy nodes make: n over the calls per unit of time."""
        return self.calls.mean / float(self.speeds.mean())

    def of_calls(self, nodes: Integers, numbers: Integers, uniforms: Callable[[], Any]) -> Floats:
        """Return the durations divided by the speeds of the nodes, `(k,)`."""
        return np.asarray(self.calls.of_calls(nodes, numbers, uniforms) / self.speeds[nodes])
