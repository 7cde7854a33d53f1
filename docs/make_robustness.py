"""Write docs/robustness.md: every method in the four worlds of scenarios/robustness, where messages are lost or nodes are away.

python docs/make_robustness.py
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import gossipsim as gs
from gossipsim.errors import Refused
from gossipsim.manual import family_named

ROOT = Path(__file__).parents[1]
HARMS = {"no harm": "loss", "10 % lost": "loss", "20 % away": "away"}
OBJECTIVES = ("same", "different")
EXACT = 1e-6
FALLS = 5.0
"""By how much the error of a constant step falls, at least, when the step is ten times shorter."""
STEPS = {
    "a2cid2": 0.125,
    "ad_psgd": 0.125,
    "async_dsgd": 0.125,
    "choco_sgd": 0.1,
    "d_psgd": 0.125,
    "osgp": 0.125,
    "sgp": 0.125,
}
"""Methods whose constant step leaves a bias that their notes state, with that step."""
SETTINGS = {"choco_gossip": {"gamma": 0.5}, "choco_sgd": {"gamma": 0.5}}
"""The step sizes of their theorems would take longer than these runs last."""

HEAD = """\
# What losses and absences do to every method

Made by `python docs/make_robustness.py`, which runs the worlds of `scenarios/robustness`: 20 nodes with 4 neighbours each
(methods with a server: a star with 20 clients), exact gradients, no compressor, 2000 units of time, one seed. `same`: every node
has f_i = |x - 1|^2 / 2, and nodes start apart. `different`: every node has a quadratic of its own, with eigenvalues from 1 to 4.
Every tenth message is lost, independently; or nodes are away a fifth of the time, for 2 units of time on average, and return with
the state they had.

A cell is the last `error`, the mean squared distance to the solution that the method seeks: the optimum, or for averaging methods
the mean of the starting points. Two numbers with an arrow: the step size is constant and leaves a bias when the f_i differ; the
second number belongs to a step ten times shorter. A `w` says that the world gives a warning, on the screen and in the result.
No method ends silently at a wrong point: with losses or absences every cell is at most 1e-6, or falls with the step, or warns, or
is a refusal. Walks of a token take decreasing steps and come near the optimum slowly, without any harm.

"""

TAIL = """
## What else breaks a limit

Nodes that return with another state than their own (`state: lost` or `neighbour`) change the sums that these methods rest on, and
nodes that never return keep their part of them: both give a warning with every method. With `exchange: handshake` one end of an
exchange may apply it before the other does; the sum over the nodes is then kept up to the exchanges that are half done. `a2cid2`
and `continuized_gossip` move between exchanges: they then keep the sum of x and x_tilde together, not of each.
"""


@dataclass(frozen=True)
class Cell:
    """How a method fared in one world: its last errors, for one step size or two, and whether it warned, diverged or refused."""

    errors: tuple[float, ...]
    warned: bool = False
    refused: bool = False

    @property
    def honest(self) -> bool:
        """Whether the method reached its objective, kept to its stated bias, warned or refused."""
        falls = len(self.errors) == 2 and self.errors[1] * FALLS < self.errors[0]
        return self.refused or self.warned or falls or self.errors[-1] <= EXACT

    def __str__(self) -> str:
        if self.refused:
            return "refused"
        shown = (self.errors[0],) if max(self.errors) <= EXACT or self.errors[-1] > 1e6 else self.errors
        return " → ".join(map(number, shown)) + " w" * self.warned


def number(error):
    """Return an error with one digit; what is rounding differs between machines."""
    if not error < 1e6:
        return "diverged"
    return "< 1e-20" if error < 1e-20 else f"{error:.0e}"


def world(method, objective, harm):
    """Return one world as a scenario for this method, with its usual step and, where that matters, a tenth of it."""
    scenario = gs.Scenario.load(ROOT / "scenarios" / "robustness" / f"{objective}_{HARMS[harm]}.yaml")
    changes = {"init": "zeros"} if method.oracle == "conjugate" else {}
    if harm == "no harm":
        changes["wire.loss"] = 0.0
    if method.server:
        changes["topology"] = {"name": "star", "n": 21}
    settings = {"name": method.name} | SETTINGS.get(method.name, {})
    steps = [{"lr": STEPS[method.name] / shorter} for shorter in (1, 10)] if method.name in STEPS else [{}]
    return [scenario.replace(changes | {"method": settings | step}) for step in steps]


def cell(method, objective, harm):
    """Run a method in one world."""
    try:
        traces = [gs.simulate(scenario) for scenario in world(method, objective, harm)]
    except Refused:
        return Cell((), refused=True)
    errors = tuple(float(t.columns["error"][-1]) if t.status == "finished" else float("inf") for t in traces)
    return Cell(errors, warned=bool(traces[0].meta["warnings"]))


def cells(method):
    """Return the cells of a method's row, keyed by (harm, objective)."""
    return {(harm, objective): cell(method, objective, harm) for harm in HARMS for objective in OBJECTIVES}


def rule(method):
    """Return what the method does with a lost message, in a few words."""
    if method.talks == "route":
        return "declines: there is one token"
    if method.computes == "exchange":
        return "declines: both ends of an exchange compute at once"
    if method.talks != "round" and method.pairwise == "difference":
        return "the exchange does not happen, at either end"
    return method.when_lost + ("; absences only cost time" if method.when_away == "" else "")


def row(method, found):
    """Return a method's line of the table."""
    return f"| `{method.name}` | {' | '.join(str(each) for each in found.values())} |"


def rules():
    """Return the lines of the table of what lost messages do."""
    whose = {}
    for name, method in sorted(family_named("methods").registry.items()):
        whose.setdefault(rule(method), []).append(f"`{name}`")
    return [
        "| a lost message | methods |",
        "|---|---|",
        *(f"| {what} | {', '.join(who)} |" for what, who in whose.items()),
    ]


def page():
    """Return the whole page."""
    columns = [f"{harm}, {objective}" for harm in HARMS for objective in OBJECTIVES]
    lines = [f"| method | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    for _, method in sorted(family_named("methods").registry.items()):
        found = cells(method)
        if not all(each.honest for (harm, _), each in found.items() if harm != "no harm"):
            sys.exit(f"{method.name} ends silently at a wrong point: {row(method, found)}")
        lines.append(row(method, found))
    return HEAD + "\n".join([*lines, "", "## What a lost message does", "", *rules()]) + "\n" + TAIL


if __name__ == "__main__":
    Path(__file__).with_name("robustness.md").write_text(page(), encoding="utf-8")
