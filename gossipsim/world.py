"""Everything that a run needs, built once from a scenario and never changed."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gossipsim.errors import Refused, ScenarioError
from gossipsim.facts import Facts, Promise
from gossipsim.graph import Graph
from gossipsim.methods.base import Method
from gossipsim.problems.base import Objective
from gossipsim.problems.optimum import Optimum
from gossipsim.recording import read_events
from gossipsim.rows import NODE, layout, zeros
from gossipsim.scenario import Scenario
from gossipsim.spectral import spectrum
from gossipsim.start import Init

if TYPE_CHECKING:
    from gossipsim.engines.events import Source

_MEMORY_SHARE = 0.8


@dataclass(frozen=True)
class World:
    """A built scenario.

    Attributes
    ----------
    graph : Graph
        Who can talk to whom.
    objective : Objective
        The problem, cut into one shard per node.
    rates : ndarray, shape (m,)
        Exchanges per unit time of every edge.
    facts : Facts
        What a theorem may use.
    """

    scenario: Scenario
    graph: Graph
    objective: Objective
    rates: NDArray[np.float64]
    facts: Facts
    recorded: Any = field(default=None, repr=False)

    @classmethod
    def build(cls, scenario: Scenario) -> World:
        """Build a world.

        Raises
        ------
        ScenarioError
            The parts do not fit together, or a file is wrong.
        Refused
            The method declines this scenario.
        """
        method = scenario.method
        with _under("topology"):
            graph = scenario.topology.build()
        with _under("problem"):
            objective = scenario.problem.build(graph.n, scenario.seed)
        _fits(graph, objective, method)

        def facts(rates: NDArray[np.float64]) -> Facts:
            return Facts(graph.n, objective.dim, objective.mu, objective.L, rates, spectrum(graph, rates))

        with _under("rates"):
            rates = scenario.rates.solve(graph, lambda unit: method.demand(facts(unit)))
        known = facts(rates)
        refusal = method.refuses(known)
        if refusal is not None:
            raise Refused(refusal)
        recorded = None
        if scenario.clocks.trace is not None:
            with _under("clocks", "trace"):
                recorded = read_events(scenario.clocks.trace, graph)
                if method.computes != "clock" and (recorded[2] < 0).any():
                    raise ScenarioError(f"holds gradients, and {method.name} computes none", allowed="kind 1 only")
        world = cls(scenario, graph, objective, rates, known, recorded)
        with _under("init"):
            world.start_rows()
        return world

    @property
    def method(self) -> Method:
        """The method."""
        return self.scenario.method

    @property
    def seed(self) -> int:
        """Seed of every stream."""
        return self.scenario.seed

    @cached_property
    def constants(self) -> dict[str, float]:
        """The method's constants, the row `p`."""
        return self.method.constants(self.facts)

    @cached_property
    def promise(self) -> Promise | None:
        """What theory promises for this run; nothing when events are recorded, for theorems speak of Poisson clocks."""
        return None if self.recorded is not None else self.method.promise(self.facts)

    @property
    def message_bits(self) -> int:
        """Size of one message in bits."""
        return self.scenario.wire.message_bits(self.method.payload, self.objective.dim)

    @cached_property
    def init(self) -> Init:
        """Where the nodes start: zeros, and for averaging independent normal values, unless the scenario says otherwise."""
        default = "normal" if self.method.solves == "average" else "zeros"
        return self.scenario.init or Init.parse(default)

    def start_rows(self) -> Any:
        """Return fresh rows `(n,)` of the nodes at time 0."""
        rows = zeros({**NODE, **self.method.node}, self.objective.dim, self.graph.n)
        self.init.fill(rows, self.method.vectors(), self.method.primal, self.objective, self.seed)
        return rows

    def link_weights(self) -> NDArray[np.float64]:
        """Return the Metropolis weight 1 / (1 + max(degree_i, degree_j)) of every directed link, `(2m,)`."""
        degree = self.graph.degree
        own = np.repeat(degree, degree)
        return 1.0 / (1.0 + np.maximum(own, degree[self.graph.nbr]))

    @cached_property
    def optimum(self) -> Optimum | None:
        """The minimiser, when the method seeks it or a metric compares with it."""
        if self.method.solves != "optimum" and "gap" not in self.scenario.record.metrics:
            return None
        with _under("problem"):
            return self.objective.optimum

    @cached_property
    def target(self) -> NDArray[np.float64]:
        """The solution `(d,)`: the optimum, or the average of the starting points."""
        if self.method.solves == "average":
            return np.asarray(self.start_rows()[self.method.primal].mean(axis=0))
        return np.asarray(self.objective.optimum.x)

    def events(self) -> Source:
        """Return a fresh source of this world's events."""
        from gossipsim.engines.events import Events, PoissonClocks, Recording

        if self.recorded is not None:
            return Recording(Events(*self.recorded))
        node_rate, edge_rates = self.method.clocks(self.facts)
        return PoissonClocks(self.seed, self.graph.n, node_rate, self.graph.edges, edge_rates)

    @property
    def event_rate(self) -> float:
        """Expected events per unit time."""
        node_rate, edge_rates = self.method.clocks(self.facts)
        return float(node_rate * self.graph.n + edge_rates.sum())


class _under:
    """Prefix the key of a `ScenarioError` raised inside."""

    def __init__(self, *key: str) -> None:
        self.key = key

    def __enter__(self) -> None: ...

    def __exit__(self, kind: Any, fault: Any, _: Any) -> None:
        if isinstance(fault, ScenarioError):
            fault.under(*self.key)


def _fits(graph: Graph, objective: Objective, method: Method) -> None:
    import psutil

    size = layout({**NODE, **method.node}, objective.dim).itemsize * graph.n
    free = psutil.virtual_memory().available * _MEMORY_SHARE
    if 3 * size > free:
        raise ScenarioError(
            f"{graph.n:,} nodes of dimension {objective.dim:,} need {3 * size / 1e9:.1f} GB",
            key=("topology",),
            allowed=f"at most {free / 1e9:.1f} GB on this machine now",
        )
