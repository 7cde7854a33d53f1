"""A few runs of a sweep, all of one setting, in one worker: side by side, with what came of each."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from gossipsim.errors import Refused, ScenarioError
from gossipsim.interrupts import noted
from gossipsim.store import Outcome
from gossipsim.sweep_plan import Run
from gossipsim.team import Member, Team
from gossipsim.trace import Trace


def run_batch(runs: Sequence[Run], engine: str, keep_final: bool = False) -> list[tuple[Outcome | None, float]]:
    """Compute runs of one setting, as many at the same time as memory allows; machine code takes their portions from a table.

    Seeds share the graph, and data that do not depend on the seed.

    Parameters
    ----------
    runs : sequence of Run
        Of one setting.
    engine : {"auto", "compiled", "processes"}
        As for `simulate`.
    keep_final : bool
        Whether the final states are part of what came of a run.

    Returns
    -------
    list of (Outcome or None, float)
        What came of each run, None of those that Ctrl-C stopped, and its seconds.
    """
    import scipy.linalg  # noqa: F401  (its library has threads of its own, which the next line must find)
    from threadpoolctl import threadpool_limits

    found: list[tuple[Outcome | None, float]] = []
    shared = None
    # With several threads the order of sums, and so the last bits of results, would depend on the machine's load.
    with threadpool_limits(1), noted() as interrupted, ThreadPoolExecutor(1) as pool:
        while len(found) < len(runs):
            team = Team(engine, pool, 1, interrupted, shared)
            for run in runs[len(found) :]:
                if interrupted[0] or len(team.members) == team.room:
                    break
                if run.scenario is None:
                    team.members.append(Member(result=Refused(run.refusal)))
                else:
                    _forget(team.add(run.scenario))
            while team.start():
                team.finish()
                for member in team.members:
                    _forget(member)
            found += [
                (_outcome(member.result, keep_final), member.preparing + member.running) for member in team.members
            ]
            shared = team.shared
            if interrupted[0]:
                found += [(None, 0.0)] * (len(runs) - len(found))
    return found


def _forget(member: Member) -> None:
    """Give up what functions had at hand when something went wrong, such as data too large for the other runs to fit in too."""
    if isinstance(member.result, Exception):
        traceback.clear_frames(member.result.__traceback__)


def _outcome(result: Trace | Exception | None, keep_final: bool) -> Outcome | None:
    """Return what came of a run, None if it was interrupted."""
    if isinstance(result, Refused):
        return Outcome("refused", str(result))
    if isinstance(result, ScenarioError):
        return Outcome("invalid", str(result))
    if isinstance(result, Exception):
        return Outcome("failed", " ".join(f"{type(result).__name__}: {result}".split()), lasting=False)
    if result is None or result.status == "interrupted":
        return None
    sentence = ""
    if result.status == "diverged":
        where = result.meta["diverged"]
        sentence = f"the state of node {where['node']} stopped being finite at time {where['time']:.6g}"
    final = dict(result.final) if keep_final else {}
    return Outcome(result.status, sentence, dict(result.columns), dict(result.meta), final=final)
