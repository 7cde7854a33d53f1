"""Whatever a user types wrongly is answered by one sentence and exit status 2, and nothing is written."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from gossipsim.cli import main

GOOD = {
    "topology": "{name: cycle, n: 8}",
    "problem": "{name: quadratic, dim: 2}",
    "method": "dadao",
    "run": "{time: 5}",
}
EDGE = '<node id="0"/><node id="1"/><edge source="0" target="1"/>'
RING = "0,1\n1,2\n2,3\n3,0\n"


def scenario(**changes: str | None) -> str:
    """The good scenario with some of its top-level lines changed, added or, when None, left out."""
    return "".join(f"{key}: {value}\n" for key, value in {**GOOD, **changes}.items() if value is not None)


class Case(NamedTuple):
    text: str | bytes
    says: tuple[str, ...]
    line: int | None = None
    files: dict[str, str | bytes | Callable[[Path], None]] = {}


def npz(**arrays: object) -> Callable[[Path], None]:
    return lambda path: np.savez(path, **{name: np.asarray(a) for name, a in arrays.items()})


def graph_case(name: str, content: str | bytes, *says: str) -> Case:
    return Case(scenario(topology=f"{{file: {name}}}"), (name, "topology.file", *says), files={name: content})


def delays_case(content: str, *says: str) -> Case:
    wire = "{delays: {file: m.csv, time_unit: 1}}"
    return Case(scenario(wire=wire), ("wire.delays.file", *says), files={"m.csv": content})


def churn_case(content: str, *says: str, more: str = "") -> Case:
    fleet = f"{{churn: {{file: s.csv{more}}}}}"
    return Case(scenario(fleet=fleet), ("fleet.churn", *says), files={"s.csv": content})


def graphml(body: str, directed: str = "undirected", head: str = "") -> str:
    return (
        f'<?xml version="1.0"?>{head}<graphml xmlns="http://graphml.graphdrawing.org/xmlns">'
        f'<graph edgedefault="{directed}">{body}</graph></graphml>'
    )


BOMB = "<!DOCTYPE graphml [" + "".join(
    f'<!ENTITY a{k} "{f"&a{k - 1};" * 10 if k else "ha"}">' for k in range(12)
) + "]>"  # fmt: skip
LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 10)}]\n" for k in range(1, 12)
)
DATA = "{name: linear_regression, l2: 0.1, file: data.%s}"
SHAPE = np.zeros((8, 2))
MINE = "from gossipsim import Method\nclass Mine(Method):\n    pass\n"

CASES: dict[str, Case] = {
    "unknown top-level key": Case(scenario(toplogy="cycle"), ("unknown key 'toplogy'", "did you mean 'topology'"), 5),
    "unknown nested key": Case(scenario(run="{tiem: 5}"), ("run.tiem", "allowed: time", "did you mean 'time'"), 4),
    "unknown key of a method": Case(scenario(method="{name: dadao, etta: 1}"), ("method.etta", "did you mean 'eta'"), 3),
    "unknown key of settings in a component": Case(
        scenario(problem="{name: linear_regression, synthetic: {sampels: 20, dim: 3}}"),
        ("problem.synthetic.sampels", "allowed: samples, dim", "did you mean 'samples'"),
        2,
    ),
    "wrong type": Case(scenario(run="[5]"), ("run", "given [5]", "a mapping"), 4),
    "text for a number": Case(scenario(run="{time: long}"), ("run.time", "'long'", "a number"), 4),
    "a quoted number": Case(scenario(run='{time: "5"}'), ("run.time", "'5'", "a number"), 4),
    "true for a whole number": Case(scenario(topology="{name: cycle, n: true}"), ("topology.n", "a whole number"), 1),
    "a fraction of nodes": Case(scenario(topology="{name: cycle, n: 8.5}"), ("topology.n", "8.5", "a whole number"), 1),
    "text for a seed": Case(scenario(seed="one"), ("seed", "'one'", "a whole number"), 5),
    "negative seed": Case(scenario(seed="-1"), ("seed", "-1", "at least 0"), 5),
    "seed beyond 64 bits": Case(scenario(seed=str(2**70)), ("seed", "less than"), 5),
    "no nodes": Case(scenario(topology="{name: cycle, n: 0}"), ("topology.n", "0", "allowed"), 1),
    "a million million nodes": Case(scenario(topology="{name: cycle, n: 1000000000000}"), ("topology.n", "10000000"), 1),
    "too many edges": Case(scenario(topology="{name: complete, n: 1000000}"), ("topology", "allowed"), 1),
    "too many edges in a square": Case(
        scenario(topology="{name: random_geometric, n: 5000000, radius: 0.3}"), ("topology", "50 million edges"), 1
    ),
    "no minimiser": Case(
        scenario(
            method="gossip",
            problem="{name: logistic_regression, l2: 0.0, synthetic: {samples: 2, dim: 30, separation: 50.0}}",
        ),
        ("problem.l2", "no minimiser", "l2 > 0"),
        2,
    ),
    "too large a dimension": Case(scenario(problem="{name: quadratic, dim: 100000}"), ("problem.dim", "at most"), 2),
    "infinite time": Case(scenario(run="{time: .inf}"), ("run.time", "a finite number"), 4),
    "negative time": Case(scenario(run="{time: -1}"), ("run.time", "-1", "greater than 0"), 4),
    "nothing ends it": Case(scenario(run=None), ("run", "nothing says when to stop", "time")),
    "empty run": Case(scenario(run="{}"), ("run", "nothing says when to stop"), 4),
    "rounds without rounds": Case(scenario(run="{rounds: 5}"), ("run.rounds", "dadao has no rounds"), 4),
    "no topology": Case(scenario(topology=None), ("missing key 'topology'",)),
    "no name": Case(scenario(topology="{n: 8}"), ("topology", "without a name", "cycle"), 1),
    "method typo": Case(scenario(method="dado"), ("method.name", "'dado'", "gossip", "did you mean 'dadao'"), 3),
    "topology typo": Case(scenario(topology="{name: cycl, n: 8}"), ("topology.name", "'cycl'", "did you mean 'cycle'"), 1),
    "problem typo": Case(scenario(problem="{name: quadratc}"), ("problem.name", "did you mean 'quadratic'"), 2),
    "metric typo": Case(scenario(record="{metrics: [eror]}"), ("record.metrics[0]", "did you mean 'error'"), 5),
    "no metric": Case(scenario(record="{metrics: []}"), ("record.metrics", "given []", "not empty"), 5),
    "prime grid": Case(scenario(topology="{name: grid, n: 7}"), ("topology.n", "7 is prime"), 1),
    "disconnected edges": Case(scenario(topology="{edges: [[0, 1], [2, 3]]}"), ("topology", "2 components", "node 2"), 1),
    "a self-loop": Case(scenario(topology="{edges: [[0, 1], [1, 1]]}"), ("topology.edges[1]", "to itself"), 1),
    "negative rate": Case(scenario(rates="{name: uniform, total: -2}"), ("rates.total", "-2", "greater than 0"), 5),
    "mu above L": Case(scenario(problem="{name: quadratic, dim: 2, mu: 2.0}"), ("problem.mu", "mu <= L"), 2),
    "dadao without mu": Case(
        scenario(problem="{name: linear_regression, dataset: diabetes}", topology="{name: cycle, n: 200}"),
        ("dadao needs", "l2 > 0"),
    ),
    "flow of the wrong shape": Case(scenario(method="{name: dadao, flow: [[1.0]]}"), ("method.flow", "6 rows of 6"), 3),
    "flow and eta": Case(
        scenario(method=f"{{name: dadao, eta: 1.0, flow: {[[0.0] * 6] * 6}}}"),
        ("method.flow", "eta"),
        3,
    ),
    "flow without its file": Case(scenario(method="{name: dadao, flow: {file: f.npz}}"), ("method.flow", "f.npz"), 3),
    "flow without its array": Case(
        scenario(method="{name: dadao, flow: {file: f.npz, array: flw}}"),
        ("method.flow", "'flw'", "did you mean 'flow'"),
        3,
        {"f.npz": npz(flow=np.zeros((6, 6)))},
    ),
    "init of the wrong shape": Case(
        scenario(init="{file: s.npz}"), ("init.file", "(3, 2)", "(8, 2)"), 5, {"s.npz": npz(x=np.zeros((3, 2)))}
    ),
    "init of an unknown field": Case(
        scenario(init="{file: s.npz}"), ("init.file", "'xx'", "x_tilde", "did you mean 'x'"), 5, {"s.npz": npz(xx=SHAPE)}
    ),
    "init that is not finite": Case(
        scenario(init="{file: s.npz}"), ("init.file", "not finite at (0, 1)"), 5, {"s.npz": npz(x=[[0, np.nan]] + [[0, 0]] * 7)}
    ),
    "init of pickled objects": Case(
        scenario(init="{file: s.npz}"), ("init.file", "s.npz"), 5, {"s.npz": npz(x=np.array([{}, []], dtype=object))}
    ),
    "init without a file": Case(scenario(init="{file: s.npz}"), ("init.file", "no file", "s.npz"), 5),
    "recorded unknown edge": Case(
        scenario(clocks="{trace: e.csv}"), ("clocks.trace", "event 1", "(0, 4)", "edges"), 5,
        {"e.csv": "t,kind,i,j\n1,1,0,1\n2,1,0,4\n"},
    ),
    "recorded times that fall": Case(
        scenario(clocks="{trace: e.csv}"), ("clocks.trace", "event 1", "t = 0.5", "never fall"), 5,
        {"e.csv": "t,kind,i,j\n1,1,0,1\n0.5,1,0,1\n"},
    ),
    "recorded gradient for gossip": Case(
        scenario(method="gossip", clocks="{trace: e.csv}"), ("clocks.trace", "gradients", "gossip"), 5,
        {"e.csv": "t,kind,i,j\n1,0,0,-1\n"},
    ),
    "recording without a column": Case(
        scenario(clocks="{trace: e.csv}"), ("clocks.trace", "has no kind"), 5, {"e.csv": "t,i,j\n1,0,1\n"}
    ),
    "recording of no known type": Case(scenario(clocks="{trace: e.mat}"), ("clocks.trace", ".mat", ".npz"), 5),
    "recording that is missing": Case(scenario(clocks="{trace: e.npz}"), ("clocks.trace", "e.npz"), 5),
    "recording that is no archive": Case(scenario(clocks="{trace: e.npz}"), ("clocks.trace", "e.npz"), 5, {"e.npz": b"junk"}),
    "rates without an edge": Case(
        scenario(rates="{file: r.csv}"), ("r.csv", "rates.file", "edge 0,7 and 6 more is missing"), None,
        {"r.csv": "i,j,rate\n0,1,1\n"},
    ),
    "rates with nan": Case(
        scenario(rates="{file: r.csv}"), ("r.csv:2", "rates.file", "'nan'"), None, {"r.csv": "i,j,rate\n0,1,nan\n"}
    ),
    "directed graph": graph_case("g.graphml", graphml(EDGE, "directed"), "directed"),
    "bomb in a graph": graph_case("g.graphml", graphml('<node id="&a11;"/>', head=BOMB)),
    "graph that is cut off": graph_case("g.graphml", graphml('<node id="0"/>')[:-8]),
    "graph with a label that names no node": graph_case("g.graphml", graphml('<node id="a"/><edge source="a" target="b"/>')),
    "disconnected graph file": graph_case("g.csv", "source,target\na,b\nc,d\n", "2 components", "c"),
    "graph of binary junk": graph_case("g.csv", bytes(range(256)), "UTF-8"),
    "empty graph": graph_case("g.csv", "", "empty"),
    "graph of no known format": graph_case("g.doc", RING, ".doc", "allowed"),
    "graph with an edge twice": graph_case("g.edgelist", "0 1\n1 2\n1 0\n", "g.edgelist:3", "twice"),
    "graph that is missing": Case(
        scenario(topology="{file: h.csv}"), ("h.csv", "no such file", "did you mean 'g.csv'"), None, {"g.csv": RING}
    ),
    "graph that is a folder": Case(scenario(topology="{file: ., format: csv}"), ("topology.file", "folder")),
    "data with nan": Case(
        scenario(problem=DATA % "npz"), ("problem.file", "data[0, 1, 0]", "nan"), 2,
        {"data.npz": npz(data=[[[1.0], [np.nan]]] * 8, labels=np.ones((8, 2)))},
    ),
    "data for other nodes": Case(
        scenario(problem=DATA % "npz"), ("problem.file", "3 nodes", "8"), 2,
        {"data.npz": npz(data=np.ones((3, 2, 1)), labels=np.ones((3, 2)))},
    ),
    "data of pickled objects": Case(
        scenario(problem=DATA % "npz"), ("problem.file", "data.npz"), 2,
        {"data.npz": npz(data=np.array([{}, []], dtype=object), labels=np.ones(2))},
    ),
    "data without labels": Case(
        scenario(problem=DATA % "npz"), ("problem.file", "no array 'labels'"), 2, {"data.npz": npz(data=np.ones((8, 2, 1)))}
    ),
    "data that is missing": Case(scenario(problem=DATA % "csv"), ("problem.file", "data.csv"), 2),
    "data of two sources": Case(
        scenario(problem="{name: linear_regression, dataset: diabetes, synthetic: {}}"), ("problem.synthetic", "exactly one"), 2
    ),
    "more nodes than samples": Case(
        scenario(topology="{name: star, n: 200}", problem="{name: logistic_regression, dataset: iris, positive: setosa}"),
        ("problem.dataset", "150 samples", "200 nodes"), 2,
    ),
    "dataset typo": Case(
        scenario(problem="{name: logistic_regression, dataset: breast_cancr}"),
        ("problem.dataset", "did you mean 'breast_cancer'"), 2,
    ),
    "labels of three classes": Case(
        scenario(problem="{name: logistic_regression, dataset: iris}"), ("problem.dataset", "3 distinct labels"), 2
    ),
    "unknown positive class": Case(
        scenario(problem="{name: logistic_regression, dataset: iris, positive: setos}"),
        ("problem.positive", "did you mean 'setosa'"), 2,
    ),
    "partition typo": Case(
        scenario(problem="{name: logistic_regression, dataset: breast_cancer, partition: {name: dirichle}}"),
        ("problem.partition.name", "did you mean 'dirichlet'"), 2,
    ),
    "delays of too few places": delays_case("0,1\n1,0\n", "m.csv", "2 places for 8 nodes"),
    "delays with a word": delays_case("0,x\n1,0\n", "m.csv:1", "column 2", "'x'", "a finite number >= 0"),
    "delays below zero": delays_case("0,1\n-1,0\n", "m.csv:2", "column 1", "'-1'"),
    "delays that are no number": delays_case("0,nan\n1,0\n", "m.csv:1", "column 2", "'nan'"),
    "delays from a place to itself": delays_case("0,1\n1,5\n", "m.csv:2", "column 2", "diagonal"),
    "delays in lines of unequal length": delays_case("0,1\n1,0,2\n", "m.csv:2", "3 numbers"),
    "delays without a node": delays_case("from,to,ms\n0,1,4\n", "m.csv", "no place '2'"),
    "delays that are missing": Case(
        scenario(method="gossip", wire="{delays: {file: n.csv, time_unit: 1}}"),
        ("n.csv", "wire.delays.file", "no such file", "did you mean 'm.csv'"), None, {"m.csv": "0 1\n1 0\n"},
    ),
    "delays that should agree": Case(
        scenario(topology="{name: path, n: 2}", wire="{delays: {file: m.csv, time_unit: 1, symmetric: true}}"),
        ("m.csv", "wire.delays.symmetric", "1 from 0 to 1, 2 back", "average"), None, {"m.csv": "0 1\n2 0\n"},
    ),
    "delays without a unit of time": Case(
        scenario(wire="{delays: {file: m.csv}}"), ("wire.delays", "time_unit", "milliseconds in one unit"), 5
    ),
    "delays of no known kind": Case(
        scenario(wire="{delays: {name: euclid}}"), ("wire.delays.name", "did you mean 'euclidean'"), 5
    ),
    "delays without positions": Case(
        scenario(wire="{delays: {name: euclidean, speed: 1}}"), ("wire.delays", "does not know where", "random_geometric"), 5
    ),
    "coordinates beyond the pole": Case(
        scenario(wire="{delays: {coordinates: [[95, 0]], time_unit: 1}}"), ("wire.delays.coordinates[0][0]", "95", "latitude"), 5
    ),
    "latency from a trace": Case(
        scenario(wire="{latency: {name: trace, file: d.csv}}"), ("wire.latency", "a trace holds what nodes computed"), 5
    ),
    "trace without a node": Case(
        scenario(fleet="{compute: {name: trace, file: d.csv}}"), ("d.csv", "fleet.compute.file", "no duration of node 1"), None,
        {"d.csv": "node,duration\n0,1\n"},
    ),
    "trace with a word": Case(
        scenario(fleet="{compute: {name: trace, file: d.csv}}"), ("d.csv:2", "fleet.compute.file", "duration 'x'"), None,
        {"d.csv": "node,duration\n0,x\n"},
    ),
    "durations that are missing": Case(
        scenario(fleet="{compute: {file: d.txt}}"), ("d.txt", "fleet.compute.file", "did you mean 'dd.txt'"), None,
        {"dd.txt": "1"},
    ),
    "speeds for other nodes": Case(scenario(fleet="{speeds: [1, 2]}"), ("fleet.speeds.values", "2 speeds for 8 nodes"), 5),
    "speed of zero": Case(scenario(fleet="{speeds: {nodes: [1], speed: 0}}"), ("fleet.speeds.speed", "0", "greater than 0"), 5),
    "speed of no node": Case(scenario(fleet="{speeds: {nodes: [8], speed: 1}}"), ("fleet.speeds.nodes", "node 8", "0 to 7"), 5),
    "speeds with a node twice": Case(
        scenario(fleet="{speeds: {file: s.csv}}"), ("s.csv:3", "fleet.speeds.file", "node 0 is given twice"), None,
        {"s.csv": "node,milliseconds\n0,1\n0,1\n"},
    ),
    "sessions out of order": churn_case(
        "node,time,state\n1,5,up\n0,6,up\n1,4,down\n", "s.csv:4", "time 4 of node 1", "more than 5, of line 2"
    ),
    "sessions in an unknown state": churn_case("node,time,state\n1,5,dwn\n", "s.csv:2", "'dwn'", "did you mean 'down'"),
    "sessions of no node": churn_case("node,time,state\n8,5,up\n", "s.csv:2", "unknown node '8'"),
    "sessions before the start": churn_case("node,time,state\n1,-5,up\n", "s.csv:2", "time '-5'", "finite number >= 0"),
    "sessions at no number": churn_case("node,time,state\n1,nan,up\n", "s.csv:2", "time 'nan'"),
    "sessions without a column": churn_case("node,time,stat\n1,2,up\n", "s.csv:1", "no column state", "did you mean 'stat'"),
    "sessions without a line": churn_case("node,time,state\n", "s.csv", "no line below the header"),
    "sessions in an empty file": churn_case("", "s.csv", "the file is empty", "sessions of nodes"),
    "sessions in binary": churn_case("node,time,state\n1,\0,up\n", "s.csv:2", "binary data"),
    "sessions that end too soon": churn_case(
        "node,time,state\n1,5,up\n", "fleet.churn.finish_time", "given 3", "at least 5", more=", finish_time: 3"
    ),
    "sessions that repeat nothing": churn_case(
        "node,time,state\n1,0,up\n", "fleet.churn.repeat", "ends at time 0", more=", repeat: true"
    ),
    "sessions from a file and a law": churn_case("node,time,state\n1,5,up\n", "unknown key 'file'", more=", up: 3, down: 1"),
    "sessions that are missing": Case(
        scenario(fleet="{churn: {file: t.csv}}"), ("t.csv", "fleet.churn.file", "did you mean 's.csv'"), None, {"s.csv": "1"}
    ),
    "half of a churn": Case(scenario(fleet="{churn: {up: 3}}"), ("fleet.churn", "missing key 'down'"), 5),
    "churn without a key": Case(scenario(fleet="{churn: {}}"), ("fleet.churn", "churn without a name"), 5),
    "messages of unknown size on narrow links": Case(
        scenario(method="choco_gossip", compressor="{name: bernoulli, p: 0.5}", wire="{bandwidth: 100}"),
        ("bernoulli makes messages of varying size", "top_k"),
    ),
    "gamma without a scale": Case(
        scenario(wire="{latency: {name: gamma, shape: 2}}"), ("wire.latency", "missing key 'scale'"), 5
    ),
    "class in a missing file": Case(scenario(method="mine.py:Mine"), ("method.name", "no file 'mine.py'"), 3),
    "missing class": Case(
        scenario(method="mine.py:Min"), ("method.name", "'Min'", "allowed: Mine", "did you mean 'Mine'"), 3, {"mine.py": MINE}
    ),
    "class in a broken file": Case(
        scenario(method="mine.py:Mine"), ("method.name", "mine.py", "SyntaxError"), 3, {"mine.py": "class Mine(:\n"}
    ),
    "class in a file that exits": Case(
        scenario(method="mine.py:Mine"), ("method.name", "mine.py", "SystemExit"), 3, {"mine.py": "raise SystemExit(0)\n"}
    ),
    "class with a setting of an unknown type": Case(
        scenario(method="mine.py:Mine"),
        ("method.name", "mine.py fails on import", "Thing"),
        3,
        {"mine.py": "class Thing: pass\nfrom gossipsim.methods.gossip import Gossip\n"
                    "class Mine(Gossip, name='mine'):\n    thing: Thing = None\n"},
    ),
    "empty file": Case("", ("is empty", "allowed")),
    "only a comment": Case("# nothing\n", ("is empty",)),
    "binary junk": Case(bytes(range(256)), ("UTF-8",)),
    "zero bytes": Case(b"\0" * 100, ("not valid YAML",)),
    "a list": Case("- 1\n- 2\n", ("a mapping with topology",)),
    "a sentence": Case("hello there\n", ("a mapping with topology",)),
    "duplicate key": Case(scenario() + "method: gossip\n", ("duplicate key",), 5),
    "anchor bomb": Case(LAUGHS, ("too many values",)),
    "anchor in itself": Case(scenario(method="&a {name: dadao, mu: *a}"), ("an anchor contains itself",), 3),
    "deep nesting": Case("[" * 1000, ("nested too deeply",)),
    "tab": Case("topology:\n\tname: cycle\n", ("not valid YAML",), 2),
    "trailing garbage": Case(scenario() + "}\n", ("not valid YAML",), 5),
    "two documents": Case(scenario() + "---\n" + scenario(), ("not valid YAML",), 5),
    "python object": Case(scenario(seed="!!python/object/apply:os.getcwd []"), ("seed",), 5),
    "number for a key": Case(scenario() + "1: 2\n", ("key 1 is not text",), 5),
    "merge of nothing": Case("<<: 3\n", ()),
    "null topology": Case(scenario(topology="null"), ("topology", "None"), 1),
    "a name with a slash": Case(scenario(name="../../x"), ("name",), 5),
}  # fmt: skip


def complaint(capsys: pytest.CaptureFixture[str], status: int) -> str:
    """The one line that was said, after checking that it is one."""
    out, err = capsys.readouterr()
    assert status == 2, err
    assert out == ""
    assert err.startswith("gossipsim: error: ")
    assert err.count("\n") == 1
    assert "Traceback" not in err
    return err


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_wrong_scenario(case: Case, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, content in case.files.items():
        if callable(content):
            content(folder / name)
        else:
            (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    file = folder / "wrong.yaml"
    file.write_bytes(case.text.encode() if isinstance(case.text, str) else case.text)
    before = sorted(folder.rglob("*"))
    said = complaint(capsys, main(["run", str(file)]))
    for part in case.says:
        assert part in said
    assert (
        f"{file}:{case.line}: " in said
        if case.line
        else any(name in said for name in ["wrong.yaml", *case.files, "topology.file"])
    )
    assert [path for path in sorted(folder.rglob("*")) if "__pycache__" not in str(path)] == before


OPTIONS: dict[str, tuple[list[str], tuple[str, ...]]] = {
    "engine typo": (["run", "good.yaml", "--engine", "compild"], ("engine", "auto", "did you mean 'compiled'")),
    "set without value": (["run", "good.yaml", "--set", "method"], ("--set", "'method'", "KEY=VALUE")),
    "set of an unknown key": (["run", "good.yaml", "--set", "run.tme=3"], ("--set", "run.tme", "did you mean 'time'")),
    "set of a key without a name": (["run", "good.yaml", "--set", "rates.total=3"], ("--set", "rates", "name: one of")),
    "set to no YAML": (["run", "good.yaml", "--set", "run={"], ("--set", "run={", "not valid YAML")),
    "set to nothing": (["run", "good.yaml", "--set", "run="], ("--set", "run=")),
    "set of an odd key": (["run", "good.yaml", "--set", "run..time=3"], ("dotted key",)),
    "negative seed": (["run", "good.yaml", "--seed", "-3"], ("--seed", "-3", "allowed")),
    "text for a seed": (["run", "good.yaml", "--seed", "x"], ("--seed", "x")),
    "missing file": (["run", "god.yaml"], ("god.yaml", "did you mean 'good.yaml'")),
    "folder for a file": (["run", "."], ("folder",)),
    "no file": (["run"], ("scenario",)),
    "command typo": (["rnu"], ("rnu", "run")),
    "option typo": (["run", "good.yaml", "--sed", "3"], ("--sed", "--seed")),
    "out is no result": (["run", "good.yaml", "--out", "."], ("is not a result",)),
    "out below a file": (["run", "good.yaml", "--out", "good.yaml/out"], ("good.yaml", "is a file")),
    "plot of no result": (["plot", "."], ("no finished result",)),
    "plot of nothing": (["plot", "nowhere"], ("nowhere", "no such folder")),
    "family typo": (["show", "method"], ("'method'", "did you mean 'methods'")),
    "member typo": (["show", "methods", "dado"], ("'dado'", "did you mean 'dadao'")),
    "check of nothing": (["check", "god.yaml"], ("god.yaml", "did you mean 'good.yaml'")),
    "check of a bad world": (["check", "split.yaml"], ("split.yaml:1", "2 components")),
}


@pytest.mark.parametrize(("arguments", "says"), OPTIONS.values(), ids=OPTIONS.keys())
def test_wrong_option(
    arguments: list[str], says: tuple[str, ...], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "good.yaml").write_text(scenario())
    (folder / "split.yaml").write_text(scenario(topology="{edges: [[0, 1], [2, 3]]}"))
    said = complaint(capsys, main(arguments))
    for part in says:
        assert part in said
    assert sorted(path.name for path in folder.iterdir()) == ["good.yaml", "split.yaml"]


def test_check_tells_every_bad_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "good.yaml").write_text(scenario())
    (folder / "bad.yaml").write_text(scenario(method="dado"))
    assert main(["check", "bad.yaml", "good.yaml", "missing.yaml"]) == 2
    out, err = capsys.readouterr()
    assert out == "good.yaml: ok, n = 8, m = 8, d = 2, dadao, about 89 events\n"
    assert [line.split(":")[2].strip() for line in err.splitlines()] == ["bad.yaml", "missing.yaml"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [(["run", "bad.yaml"], "bad.yaml:3"), (["run"], "scenario"), (["run", "missing.yaml", "--json"], "missing.yaml")],
)
def test_in_a_process_of_its_own(arguments: list[str], says: str, folder: Path) -> None:
    (folder / "bad.yaml").write_text(scenario(method="dado"))
    done = subprocess.run(
        [sys.executable, "-m", "gossipsim", *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith("gossipsim: error: ")
    assert says in done.stderr
    assert [path.name for path in folder.iterdir()] == ["bad.yaml"]


def test_a_bug_is_one_sentence(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "good.yaml").write_text(scenario())

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("oh\nno")

    monkeypatch.setattr("gossipsim.simulation.simulate", broken)
    assert main(["run", "good.yaml"]) == 1
    said = capsys.readouterr().err
    assert said == (
        "gossipsim: internal error: ZeroDivisionError: oh no (this is a bug; GOSSIPSIM_DEBUG=1 shows the traceback)\n"
    )
    monkeypatch.setenv("GOSSIPSIM_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        main(["run", "good.yaml"])


def test_out_of_memory_is_one_sentence(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "good.yaml").write_text(scenario())

    def greedy(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr("gossipsim.simulation.simulate", greedy)
    assert main(["run", "good.yaml"]) == 1
    assert "memory" in capsys.readouterr().err


def test_messages_are_short_even_for_long_input(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "long.yaml").write_text(scenario(method=json.dumps("x" * 100_000)))
    assert len(complaint(capsys, main(["run", "long.yaml"]))) < 500


def test_the_good_scenario_is_good(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "good.yaml").write_text(textwrap.dedent(scenario()))
    assert main(["check", "good.yaml"]) == 0
