"""Whether a method can serve a scenario: refusals in one sentence, before anything is computed."""

from __future__ import annotations

from gossipsim.errors import Refused
from gossipsim.graph import Graph
from gossipsim.methods.base import Method
from gossipsim.problems.base import Objective
from gossipsim.scenario import Scenario


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
    if scenario.fleet.compute is not None and method.computes in {"never", "exchange"} and method.talks != "round":
        raise Refused(f"{name} computes within an exchange or not at all, and `fleet.compute` has no place in it")
    still = scenario.fleet.duration(method.computes).mean == 0.0 and scenario.wire.latency.mean == 0.0
    if still and method.talks != "clock":
        raise Refused(f"what {name} does would take no time: give fleet.compute or wire.latency")
    wire, fleet, alone = scenario.wire, scenario.fleet, method.talks == "route"
    if alone and (wire.loss.mean > 0.0 or not fleet.steady):
        raise Refused(f"{name} has one token, which would be lost with its message or with the node that holds it")
    if not fleet.steady and scenario.run.rounds is not None:
        raise Refused("with nodes that come and go, give run.time instead of run.rounds")
    if scenario.compressor is not None and (wire.bandwidth or wire.uplink or wire.service):
        raise Refused(
            "bandwidth and uplink are not defined for compressed messages yet: leave them out, or the compressor"
        )
    if method.computes == "exchange" and not (wire.ideal and fleet.steady):
        raise Refused(
            f"{name} computes at both ends of an exchange at once: it needs instantaneous exchanges, none lost"
        )
    if scenario.clocks.trace is not None and not (wire.ideal and fleet.steady):
        raise Refused("a recording holds what happened: it runs on an ideal network, with all nodes present")


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
