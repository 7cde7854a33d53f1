"""Everything that a run needs, built once from a scenario and never changed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gossipsim.changing import Changing
from gossipsim.churn import Presence, State
from gossipsim.errors import Refused, ScenarioError
from gossipsim.facts import Facts, Promise
from gossipsim.graph import Graph
from gossipsim.methods.base import Method
from gossipsim.mixing import Mixing
from gossipsim.pace import expected_rates, tempo
from gossipsim.problems.base import Objective, Oracle
from gossipsim.problems.optimum import Optimum
from gossipsim.recording import read_events
from gossipsim.rows import zeros
from gossipsim.scenario import Scenario
from gossipsim.spectral import Spectrum, spectrum
from gossipsim.start import Init
from gossipsim.suitability import caveats, fits_in_memory, fits_through, needs_inverse, suits, suits_changing
from gossipsim.verb_check import check_verbs

if TYPE_CHECKING:
    from gossipsim.engines.events import Source

UNEVEN = (
    "its theory knows nodes of equal speed; when speeds differ, a method that does not correct its gradients leans towards the"
    " f_i of the fast nodes"
)


@dataclass(frozen=True)
class Shared:
    """What worlds have in common that differ in their seed only.

    Attributes
    ----------
    graph : Graph
        The graph; a random one has a seed of its own.
    objective : Objective, optional
        The problem with its data and optimum, if the data have a seed of their own.
    """

    graph: Graph
    objective: Objective | None = None


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
    changing: Changing | None = field(default=None, repr=False)

    @classmethod
    def build(cls, scenario: Scenario, shared: Shared | None = None) -> World:
        """Build a world, from what it has in common with another seed of the same scenario if there is one.

        Raises
        ------
        ScenarioError
            The parts do not fit together, or a file is wrong.
        Refused
            The method declines this scenario.
        """
        method = scenario.method
        with _under("topology"):
            graph = scenario.topology.build() if shared is None else shared.graph
        with _under("fleet"):
            scenario.fleet.calls(graph, method.computes, scenario.fleet.speeds_of(graph, scenario.seed))
        suits(scenario, graph)
        with _under("problem"):
            objective = shared.objective if shared is not None else None
            if objective is None:
                nodes, problem = graph.n - method.server, scenario.problem
                problem = problem.lean(nodes) if scenario.sampling.batch is None else problem
                objective = problem.build(nodes, scenario.seed)
        fits_in_memory(graph, objective, method)
        fits_through(scenario, objective.dim)
        compressor = scenario.compressor
        kind, epochs = scenario.mixing or method.mixing, scenario.topology.epochs()
        changing = None if epochs is None else Changing(graph, epochs, kind)
        mixing = Mixing(graph, kind) if changing is None else changing.mixing

        def facts(rates: NDArray[np.float64]) -> Facts:
            spectral = spectrum(graph, rates) if changing is None else changing.spectrum(rates)
            mean = spectral.rates if isinstance(spectral, Spectrum) else rates.mean(axis=0)
            return Facts(
                graph.n, objective.dim, objective.mu, objective.L, mean, spectral, mixing,
                objective.mu_i, objective.L_i, lambda: objective.problem.smoothness_of_mean(objective),
                delta=1.0 if compressor is None else compressor.contraction(objective.dim),
                omega=0.0 if compressor is None else compressor.omega(objective.dim),
            )  # fmt: skip

        with _under("rates"):
            if changing is None:
                rates = scenario.rates.solve(graph, lambda unit: method.demand(facts(unit)))
            else:
                rates = changing.solve(scenario.rates, lambda unit: method.demand(facts(unit)))
        known = facts(rates)
        refusal = needs_inverse(method, objective) or method.refuses(known)
        if refusal is not None:
            raise Refused(refusal)
        check_verbs(method, known)
        recorded = None
        if scenario.clocks.trace is not None:
            with _under("clocks", "trace"):
                recorded = read_events(scenario.clocks.trace, graph)
                if method.computes not in {"clock", "busy"} and (recorded[2] < 0).any():
                    raise ScenarioError(f"holds gradients, and {method.name} computes none", allowed="kind 1 only")
        if changing is not None:
            suits_changing(method, changing, known)
            changing = replace(changing, rates=rates)
        world = cls(scenario, graph, objective, known.rates, known, recorded, changing)
        with _under("init"):
            world.start_rows()
        _ = world.link_delays, world.presence()  # a file that is wrong is refused now
        return world

    @property
    def shared(self) -> Shared:
        """What other seeds of this scenario can be built from."""
        return Shared(self.graph, self.objective if self.scenario.problem.pinned else None)

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
        strange = self.changing is not None and self.method.when_changing != ""
        beat = tempo(self)
        if strange or self.recorded is not None or self.networked or beat is None:
            return None
        found = self.method.promise(self.facts)
        return None if found is None else replace(found, rate=found.rate * beat)

    @property
    def message_bits(self) -> int:
        """Size in bits of one message that is not compressed."""
        return self.scenario.wire.message_bits(self.method.letter(), self.objective.dim)

    @cached_property
    def sent_bits(self) -> NDArray[np.int64]:
        """Size in bits of one message of every node on the wire, `(n,)`.

        A compressed message has that of its compressor if that is fixed, else that of the whole message. A server does not
        compress.
        """
        compressor, wire, dim = self.scenario.compressor, self.scenario.wire, self.objective.dim
        vector = None if compressor is None else compressor.bits(dim, wire.float_bits)
        found = np.full(self.graph.n, wire.message_bits(self.method.letter(), dim, vector))
        found[: self.method.server] = self.message_bits
        return found

    @property
    def exchange_bits(self) -> float:
        """Size in bits of the two messages over an edge; of a compressor without a fixed size, as if nothing were left out."""
        return float(self.sent_bits[0] + self.sent_bits[-1])

    @cached_property
    def compressor_constants(self) -> dict[str, float]:
        """The compressor's constants, the row `c`."""
        compressor = self.scenario.compressor
        width = self.scenario.wire.float_bits
        return {} if compressor is None else compressor.constants(self.objective.dim, width)

    @cached_property
    def turns(self) -> int:
        """How many times per round everybody talks to all neighbours."""
        return self.method.turns(self.facts) if self.method.talks == "round" else 1

    @cached_property
    def first_sample(self) -> NDArray[np.int64]:
        """Node i owns the samples `first_sample[i]` to `first_sample[i + 1] - 1`; a server none; `(n + 1,)`."""
        first = self.objective.first
        return np.concatenate([[0], first]) if self.method.server else first

    @cached_property
    def gradients(self) -> Oracle:
        """What the nodes compute gradients with; a server has no rows."""
        whole = (
            self.scenario.sampling.batch is None
            and self.method.oracle == "gradient"
            and self.method.computes != "never"
        )
        found = self.objective.full_oracle if whole else self.objective.sampled_oracle
        return replace(found, first=np.concatenate([[0], found.first])) if self.method.server else found

    @cached_property
    def inverse_rows(self) -> tuple[Any, NDArray[np.int64]]:
        """What the conjugate and proximal oracles of the nodes answer from: rows, and where each node's start `(n + 1,)`."""
        rows, first = self.objective.inverse
        return rows, np.concatenate([[0], first]) if self.method.server else first

    @cached_property
    def init(self) -> Init:
        """Where the nodes start: zeros, and for averaging independent normal values, unless the scenario says otherwise."""
        default = "normal" if self.method.solves == "average" else "zeros"
        return self.scenario.init or Init.parse(default)

    @property
    def warnings(self) -> list[str]:
        """What theory does not cover in this world, in sentences."""
        method, found = self.method, caveats(self.scenario)
        if self.changing is not None:
            found.append(method.when_changing or "")
        if self.speeds is not None and method.talks != "round":
            found.append(UNEVEN)
        return [f"{method.name}: {sentence}" for sentence in found if sentence]

    @cached_property
    def networked(self) -> bool:
        """Whether messages take time or get lost, or nodes may be away."""
        wire, fleet = self.scenario.wire, self.scenario.fleet
        if self.method.talks in {"round", "route"}:
            return wire.loss.mean > 0.0 or not fleet.steady
        return not (wire.ideal and fleet.steady)

    @cached_property
    def link_delays(self) -> NDArray[np.float64]:
        """What every directed link adds to the latency, `(2m,)`, in the order of `graph.nbr`."""
        with _under("wire"):
            return self.scenario.wire.link_delays(self.graph)

    @cached_property
    def speeds(self) -> NDArray[np.float64] | None:
        """How fast every node computes, `(n,)`, or None when all speeds are 1."""
        return self.scenario.fleet.speeds_of(self.graph, self.seed)

    @property
    def forgetful(self) -> bool:
        """Whether a node may come back to the start of the run."""
        fleet = self.scenario.fleet
        return any(part is not None and part.state == "lost" for part in (fleet.churn, *fleet.failures))

    def presence(self) -> Presence:
        """Return a fresh stream of who leaves and returns when."""
        fleet, samples = self.scenario.fleet, np.diff(self.first_sample)
        failures: list[tuple[float, float, NDArray[np.int64], State]] = []
        for k, failure in enumerate(fleet.failures):
            with _under("fleet", "failures", k):
                who = failure.who(self.graph, samples, self.seed)
            failures.append((failure.time, np.inf if failure.until is None else failure.until, who, failure.state))
        if fleet.churn is None:
            return Presence(self.graph.n, failures=failures)
        with _under("fleet", "churn"):
            return Presence(self.graph.n, fleet.churn.on(self.graph, self.seed), fleet.churn.state, failures)

    def start_rows(self) -> Any:
        """Return fresh rows `(n,)` of the nodes at time 0, before `Method.begin`."""
        rows = zeros(self.method.fields(), self.objective.dim, self.graph.n)
        self.init.fill(rows, self.method.vectors(), self.method.primal, self.objective, self.seed)
        return rows

    def start(self, linked: bool = True) -> tuple[Any, Any]:
        """Return fresh rows of the nodes `(n,)` and of the directed links `(2m,)` at time 0.

        Without `linked` nothing looks at the links, and there is one row of them.
        """
        nodes = self.start_rows()
        count = len(self.graph.nbr) if linked else 0
        links = zeros(self.method.link_fields(), self.objective.dim, max(1, count))
        if count:
            mixing = self.facts.mixing
            weights = mixing.weights if isinstance(mixing, Mixing) else self.changing.weights[0]  # type: ignore[union-attr]
            links.weight[:] = weights[self.graph.edge_of_slot]
        self.method.begin(nodes, links[:count], self.graph, self.facts)
        return nodes, links

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
            return np.asarray(self.start()[0][self.method.primal].mean(axis=0))
        return np.asarray(self.objective.optimum.x)

    def events(self) -> Source:
        """Return a fresh source of this world's events."""
        from gossipsim.engines.rings import events

        return events(self)

    @cached_property
    def rates_of(self) -> dict[str, float]:
        """Expected events, gradients and activations per unit time."""
        return expected_rates(self)


class _under:
    """Prefix the key of a `ScenarioError` raised inside."""

    def __init__(self, *key: str | int) -> None:
        self.key = key

    def __enter__(self) -> None: ...

    def __exit__(self, kind: Any, fault: Any, _: Any) -> None:
        if isinstance(fault, ScenarioError):
            fault.under(*self.key)
