"""Methods that users bring in a file: compiled like the built-in ones, or interpreted when no compiler takes them."""

import os
import subprocess
import sys

import pytest

import gossipsim as gs

EAGER = '''
import numpy as np
from gossipsim.methods.base import Method, kernel


class Lazy(Method):
    """Averages with its newest neighbours, tells only what changed, remembers every link."""

    lr: float = 0.1
    node = {"x": "vector", "told": "scalar"}
    link = {"last": "vector", "count": "integer"}
    computes = "clock"

    def constants(self, facts):
        return {"lr": self.lr / facts.L}

    @kernel
    def query(p, node, t, out):
        out[:] = 0.5 * node.x
        return node.draws % 3 != 2 or node.told < 0.0

    @kernel
    def step(p, node, t, g):
        node.x[:] = node.x - p.lr * np.minimum(np.maximum(g, -1.0), 1.0)

    @kernel
    def message(p, node, link, t, out):
        out[:] = node.x - link.last
        return link.count < 8

    @kernel
    def sent(p, node, link, t, msg):
        link.last[:] = link.last + msg
        link.count += 1
        node.told += link.weight

    @kernel
    def receive(p, node, links, t, inbox, slots):
        for k in range(len(inbox)):
            w = links[slots[k]].weight
            node.x[:] = node.x + w * inbox[k]
'''

PYTHON_ONLY = '''
from gossipsim.methods.base import Method, kernel

SEEN = {"most": 0.0}


class Watched(Method):
    """Gossip that writes into a dictionary outside, which no compiler takes."""

    solves = "average"

    @kernel
    def receive(p, node, links, t, inbox, slots):
        SEEN["most"] = max(SEEN["most"], t)
        node.x[:] = 0.5 * (node.x + inbox[0])
'''


def scenario(folder, text, name, **more):
    (folder / "mine.py").write_text(text)
    return gs.Scenario.parse(
        {
            "topology": {"name": "grid", "n": 9},
            "problem": {"name": "linear_regression", "synthetic": {"samples": 5, "dim": 3}},
            "method": {"name": f"{folder}/mine.py:{name}"},
            "run": {"time": 30},
            "record": {"points": 6},
        }
        | more
    )


def test_a_file_s_method_runs_in_both_engines_with_the_same_bytes(tmp_path):
    s = scenario(tmp_path, EAGER, "Lazy")
    fast, plain = (gs.simulate(s, engine=engine) for engine in ("compiled", "processes"))
    assert fast.meta["engine"] == "compiled"
    assert 0 < fast.columns["messages"][-1] < 2 * fast.columns["activations"][-1]
    assert fast.columns["gradients"][-1] < 9 * 30
    for name in fast.final:
        assert fast.final[name].tobytes() == plain.final[name].tobytes(), name
    for name in fast.columns:
        assert fast.columns[name].tobytes() == plain.columns[name].tobytes(), name
    assert gs.Scenario.parse(s.dump()) == s


def test_an_edited_file_never_runs_old_code(tmp_path):
    before = gs.simulate(scenario(tmp_path, EAGER, "Lazy")).final["x"]
    after = gs.simulate(scenario(tmp_path, EAGER.replace("node.x - p.lr", "node.x - 0.5 * p.lr"), "Lazy")).final["x"]
    again = gs.simulate(scenario(tmp_path, EAGER, "Lazy")).final["x"]
    assert before.tobytes() == again.tobytes() != after.tobytes()


def test_what_no_compiler_takes_runs_interpreted(tmp_path):
    s = scenario(tmp_path, PYTHON_ONLY, "Watched")
    trace = gs.simulate(s)
    assert trace.meta["engine"] == "processes"
    with pytest.raises(gs.Refused, match="SEEN"):
        gs.simulate(s, engine="compiled")
    same = gs.simulate(s.replace({"method": "gossip"}))
    assert same.meta["engine"] == "compiled"
    assert same.final["x"].tobytes() == trace.final["x"].tobytes()


SCRIPT = """
import sys
import gossipsim as gs
s = gs.Scenario.load(sys.argv[1])
trace = gs.simulate(s)
print(trace.meta["engine"], repr(trace.columns["error"][-1].item()))
"""


@pytest.mark.slow
@pytest.mark.parametrize("method", ["dadao", "gossip", "user"])
def test_without_the_compiler_everything_runs_interpreted(tmp_path, method):
    s = scenario(tmp_path, EAGER, "Lazy", run={"time": 8})
    if method != "user":
        s = s.replace({"method": method})
    (tmp_path / "s.yaml").write_text(s.dump())
    found = []
    for switch in ("0", "1"):
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, str(tmp_path / "s.yaml")],
            env=os.environ | {"NUMBA_DISABLE_JIT": switch},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        found.append(done.stdout.split())
    assert [engine for engine, _ in found] == ["compiled", "processes"]
    assert float(found[0][1]) == pytest.approx(float(found[1][1]), rel=1e-9)
