"""Whether a method can serve a scenario: refusals in one sentence, before anything is computed."""

from __future__ import annotations

from math import isfinite

from gossipsim.changing import Changing
from gossipsim.churn import Churn, Failure
from gossipsim.errors import Refused, ScenarioError
from gossipsim.facts import Facts
from gossipsim.graph import Graph
from gossipsim.law import Trace
from gossipsim.methods.base import Method
from gossipsim.problems.base import Objective
from gossipsim.rows import layout
from gossipsim.scenario import Scenario

_MEMORY_SHARE = 0.8


def suits(scenario: Scenario, graph: Graph) -> None:
    """Refuse, in one sentence, what a scenario asks of a method that it cannot do.

    Raises
    ------
    Refused
    """
    method = scenario.method
    name = method.name
    if method.server and (graph.n < 2 or graph.m != graph.n - 1 or graph.degree[0] != graph.m):
        raise Refused(f"{name} has a server, node 0, without data: it needs topology star, with at least one client")
    if scenario.compressor is not None and not method.compressible:
        raise Refused(f"{name} does not correct what a compressor leaves out: it runs without `compressor`")
    computes = method.computes != "never"
    if not scenario.sampling.exact and not (computes and method.oracle == "gradient"):
        raise Refused(f"{name} asks for no gradient that `sampling` could estimate")
    if scenario.sampling.batch is not None and not scenario.problem.sampled:
        raise Refused(f"problem {scenario.problem.name} has no samples that `sampling.batch` could draw")
    if scenario.clocks.trace is not None and method.talks in {"round", "route"}:
        raise Refused(f"{name} works in rounds or hops, and a recording holds gradients and exchanges")
    if method.computes in {"never", "exchange"} and method.talks != "round":
        for key in ("compute", "speeds"):
            if getattr(scenario.fleet, key) is not None:
                raise Refused(f"{name} computes within an exchange or not at all, and `fleet.{key}` has no place in it")
    still = scenario.fleet.duration(method.computes).mean == 0.0 and scenario.wire.latency.mean == 0.0
    still = still and scenario.wire.delays is None
    if still and method.talks != "clock":
        raise Refused(f"what {name} does would take no time: give fleet.compute or wire.latency")
    wire, fleet, alone = scenario.wire, scenario.fleet, method.talks == "route"
    if alone and (wire.loss.mean > 0.0 or not fleet.steady):
        raise Refused(f"{name} has one token, which would be lost with its message or with the node that holds it")
    if alone and (wire.delays is not None or fleet.speeds is not None or isinstance(fleet.compute, Trace)):
        raise Refused(
            f"{name} takes its hops from a clock that does not know where the token is: no delays of links, no speeds or"
            " traces of nodes"
        )
    if method.computes == "exchange" and not (wire.ideal and fleet.steady):
        raise Refused(
            f"{name} computes at both ends of an exchange at once: it needs instantaneous exchanges, none lost"
        )
    if scenario.clocks.trace is not None and not (wire.ideal and fleet.steady):
        raise Refused("a recording holds what happened: it runs on an ideal network, with all nodes present")


def fits_through(scenario: Scenario, dim: int) -> None:
    """Refuse, in one sentence, links that are as slow as messages are long, when nobody knows how long those will be.

    Raises
    ------
    Refused
    """
    compressor, wire = scenario.compressor, scenario.wire
    if compressor is None or not (wire.bandwidth or wire.uplink):
        return
    if compressor.bits(dim, wire.float_bits) is None:
        raise Refused(
            f"compressor {compressor.name} makes messages of varying size, and how long these take by wire.bandwidth or"
            " wire.uplink is not known beforehand: take a compressor of fixed size, such as top_k, random_k, qsgd with code"
            " fixed, natural or low_rank, or wire.service"
        )


def suits_changing(method: Method, changing: Changing, facts: Facts) -> None:
    """Refuse, in one sentence, a method that cannot serve a graph that changes.

    Raises
    ------
    Refused
    """
    if method.when_changing is None:
        raise Refused(f"{method.name} is defined by neighbours that stay the same, and this graph changes")
    if method.wishes(facts) is not None:
        raise Refused(f"{method.name} pairs first available neighbours, and needs a graph that stays the same")
    if method.talks == "partner" and not all(graph.degree.all() for graph in changing.graphs):
        raise Refused(f"{method.name} needs a neighbour whenever a node ends, and some graph leaves a node alone")
    changing.require(all(isfinite(value) for value in method.constants(facts).values()))


def caveats(scenario: Scenario) -> list[str]:
    """Return what losses and absences do to the limit of the scenario's method, in sentences; none when they only cost time.

    Examples
    --------
    >>> scenario = Scenario.parse({
    ...     "topology": {"name": "cycle", "n": 4},
    ...     "problem": {"name": "quadratic", "dim": 2},
    ...     "method": "extra",
    ...     "fleet": {"churn": {"up": 8.0, "down": 2.0, "state": "lost"}},
    ...     "run": {"time": 1},
    ... })
    >>> caveats(scenario)
    ['a node that returns with another state than its own changes sums that the limit depends on']
    """
    method, fleet = scenario.method, scenario.fleet
    absences: list[Churn | Failure] = list(fleet.failures) if fleet.churn is None else [fleet.churn, *fleet.failures]
    found = []
    if scenario.wire.loss.mean > 0.0:
        found.append(method.when_lost)
    elif absences:
        found.append(method.when_lost if method.when_away is None else method.when_away)
    if any(absence.state != "kept" for absence in absences):
        found.append("a node that returns with another state than its own changes sums that the limit depends on")
    if any(failure.until is None for failure in fleet.failures):
        found.append("nodes that never return keep their part of every sum, and the others settle without them")
    return [sentence for sentence in found if sentence]


def fits_in_memory(graph: Graph, objective: Objective, method: Method) -> None:
    """Refuse nodes whose rows would not fit in the memory that is free now."""
    import psutil

    size = layout(method.fields(), objective.dim).itemsize * graph.n
    free = psutil.virtual_memory().available * _MEMORY_SHARE
    if 3 * size > free:
        raise ScenarioError(
            f"{graph.n:,} nodes of dimension {objective.dim:,} need {3 * size / 1e9:.1f} GB",
            key=("topology",),
            allowed=f"at most {free / 1e9:.1f} GB on this machine now",
        )


def needs_inverse(method: Method, objective: Objective) -> str | None:
    """Return why a problem does not serve a method's conjugate or proximal oracle, or None."""
    problem = objective.problem
    if method.oracle == "gradient":
        return None
    if type(problem).resolvent is None:
        return (
            f"{method.name} needs the {method.oracle} oracle, and problem {problem.name} defines no kernel `resolvent`"
        )
    if method.oracle == "conjugate" and not objective.mu > 0.0:
        return f"{method.name} asks for gradients of f_i^*, which need strongly convex f_i, here mu = 0: give l2 > 0"
    return None
