"""Nodes that stop at given times."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from gossipsim.arrays import Integers
from gossipsim.churn.base import State
from gossipsim.component import NonNegative, Settings
from gossipsim.errors import ScenarioError
from gossipsim.graph import Graph
from gossipsim.stream import generator


class Failure(Settings):
    """Some nodes stop at a given time.

    Parameters
    ----------
    time : float
        When.
    nodes : list of int, or {"hubs", "data", "random"}
        Which: given nodes, those of largest degree, those with most samples, or random ones.
    share : float
        Which part of all nodes, unless they are listed.
    until : float, optional
        When they return; never, without it.
    state : {"kept", "lost", "neighbour"}
        What they start from when they return.

    Examples
    --------
    >>> Failure.read({"time": 5.0, "nodes": "hubs", "share": 0.1}).nodes
    'hubs'
    """

    time: NonNegative
    nodes: list[Annotated[int, Field(ge=0)]] | Literal["hubs", "data", "random"]
    share: Annotated[float, Field(gt=0, le=1)] | None = None
    until: NonNegative | None = None
    state: State = "kept"

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if isinstance(self.nodes, str) and self.share is None:
            raise ScenarioError(f"{self.nodes} without a share", key=("share",), allowed="a number, 0 < share <= 1")
        if self.until is not None and self.until <= self.time:
            raise ScenarioError(f"until = {self.until}", key=("until",), allowed=f"later than time = {self.time}")
        return self

    def who(self, graph: Graph, samples: NDArray[Any], seed: int) -> Integers:
        """Return the nodes that fail; of equals the first."""
        if not isinstance(self.nodes, str):
            wrong = [i for i in self.nodes if i >= graph.n]
            if wrong:
                raise ScenarioError(f"node {wrong[0]}", key=("nodes",), allowed=f"0 to {graph.n - 1}")
            return np.unique(np.array(self.nodes, dtype=np.int64))
        count = max(1, round((self.share or 0.0) * graph.n))
        if self.nodes == "random":
            return np.sort(generator(seed, "failure", self.time).choice(graph.n, count, replace=False))
        size = graph.degree if self.nodes == "hubs" else samples
        return np.sort(np.argsort(-size, kind="stable")[:count])
