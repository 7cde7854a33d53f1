"""Optimal rates as users meet them: `gossipsim rates`, `rates: optimal` in a scenario, the cache, the picture, the guide."""

from __future__ import annotations

import csv
import io
import json
import re
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gossipsim as gs
from gossipsim.cli import main
from gossipsim.errors import ScenarioError
from gossipsim.rates import Rates, kept
from gossipsim.rates.optimal import Optimal
from gossipsim.rates_command import MOST_ROWS, rates_facts, rates_text
from gossipsim.rates_plot import change, plot_rates

BARBELL = (
    "".join(f"{i} {j}\n" for base in (0, 4) for i in range(base, base + 4) for j in range(i + 1, base + 4)) + "3 4\n"
)
"""Two cliques of four joined by an edge, as an edge list."""
SCENARIO = """\
topology: {name: barbell, n: 8}
problem: {name: quadratic, dim: 2, L: 3.0}
method: dadao
rates: {name: optimal}
run: {time: 5}
"""
GUIDE = Path(__file__).parents[1] / "docs" / "rates.md"


@pytest.fixture
def graph() -> gs.Graph:
    return gs.Graph.build("barbell", n=8)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty folder and an empty cache for every test."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(kept, "folder", lambda: tmp_path / "cache")
    monkeypatch.setattr(kept, "_REMEMBERED", {})
    Path("g.edgelist").write_text(BARBELL)
    Path("s.yaml").write_text(SCENARIO)


def said(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> dict[str, Any]:
    """Run `gossipsim rates ... --json` and return what it prints."""
    assert main(["rates", *arguments, "--json", "--quiet"]) == status
    out, err = capsys.readouterr()
    assert out.count("\n") == 1
    found: dict[str, Any] = json.loads(out)
    found["stderr"] = err
    return found


# The command


def test_json_holds_the_proof(graph: gs.Graph, capsys: pytest.CaptureFixture[str]) -> None:
    found = said(capsys, "g.edgelist")
    answer = gs.optimal_rates(graph)
    assert found["status"] == "certified"
    assert found["bound"] <= found["value"] <= found["bound"] * (1 + 1e-6)
    assert found["value"] == pytest.approx(answer.value, rel=1e-6)
    assert found["uniform_value"] == pytest.approx(gs.optimal_rates(graph).uniform_value)
    assert sum(found["rates"]) == pytest.approx(1.0)
    assert len(found["rates"]) == len(found["edges"]) == len(found["uniform"]) == len(found["resistance"]) == graph.m
    # evaluated once more, from nothing but the printed rates
    edges = gs.Graph.from_edges(found["edges"])
    spectrum = gs.spectrum(edges, found["rates"])
    assert np.sqrt(2 * spectrum.chi_1 * spectrum.chi_2) == pytest.approx(found["value"])
    np.testing.assert_allclose(spectrum.resistance, found["resistance"], rtol=1e-9)


def test_the_table_names_every_edge_and_says_what_was_proved(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rates", "g.edgelist"]) == 0
    out, err = capsys.readouterr()
    rows, summary = out.split("\n\n")
    assert rows.splitlines()[0].split() == ["edge", "uniform", "optimal", "resistance"]
    assert len(rows.splitlines()) == 1 + 13
    facts = dict(line.split(maxsplit=1) for line in summary.splitlines())
    assert float(facts["value"]) == pytest.approx(13.2054, abs=1e-4)
    assert facts["proved"].startswith("at least 13.20")
    assert facts["saving"] == "39.5 % less than with equal rates"
    assert facts["status"].startswith("certified; ")
    assert "also those that get no rate" in summary
    assert err.startswith("rates of g.edgelist: ")


def test_a_large_table_shows_the_busiest_edges() -> None:
    answer = gs.optimal_rates(gs.Graph.build("grid", n=49))
    lines = rates_text(answer).split("\n\n")[0].splitlines()
    assert answer.graph.m > MOST_ROWS
    assert len(lines) == 1 + MOST_ROWS // 2 + 1
    shown = [float(line.split()[-2]) for line in lines[1:-1]]
    np.testing.assert_allclose(shown, np.sort(answer.rates)[::-1][: MOST_ROWS // 2], rtol=1e-5)
    assert f"{answer.graph.m - MOST_ROWS // 2} edges" in lines[-1]


@pytest.mark.parametrize("criterion", ["dadao", "fastest_mixing", "total_resistance", "averaging_time"])
def test_every_criterion(criterion: str, graph: gs.Graph, capsys: pytest.CaptureFixture[str]) -> None:
    found = said(capsys, "g.edgelist", "--criterion", criterion, "--total", "3", "--plot", "p.svg")
    assert found["criterion"] == criterion
    assert found["status"] == "certified"
    assert sum(found["rates"]) == pytest.approx(3.0)
    better = (
        found["value"] >= found["uniform_value"]
        if criterion == "fastest_mixing"
        else found["value"] <= found["uniform_value"]
    )
    assert better
    assert Path("p.svg").stat().st_size > 0
    assert main(["rates", "g.edgelist", "--criterion", criterion, "--quiet"]) == 0
    assert change(gs.optimal_rates(graph, criterion)) in capsys.readouterr().out


def test_limits_and_costs_are_kept(graph: gs.Graph, capsys: pytest.CaptureFixture[str]) -> None:
    free = said(capsys, "g.edgelist")
    busiest = np.bincount(np.ravel(free["edges"]), np.repeat(free["demanded"], 2)).max()
    cap = 0.9 * busiest
    found = said(capsys, "g.edgelist", "--node-cap", str(cap))
    assert np.bincount(np.ravel(found["edges"]), np.repeat(found["demanded"], 2)).max() <= cap * (1 + 1e-9)
    assert found["value"] > free["value"]
    assert found["rates"] == found["demanded"], "limits bind what meets the condition"
    assert sum(said(capsys, "g.edgelist", "--node-cap", str(cap), "--total", "1")["rates"]) == pytest.approx(1.0)
    Path("c.csv").write_text("i,j,cost\n" + "".join(f"{j},{i},{1 + 9 * (i == 3 and j == 4)}\n" for i, j in graph.edges))
    costly = said(capsys, "g.edgelist", "--cost", "c.csv")
    bridge = free["edges"].index([3, 4])
    assert costly["rates"][bridge] / sum(costly["rates"]) < free["rates"][bridge]
    assert sum(rate * (10 if e == bridge else 1) for e, rate in enumerate(costly["rates"])) == pytest.approx(1.0)
    minimum = said(capsys, "g.edgelist", "--minimum", "0.7", "--edge-cap", "4")
    assert min(minimum["demanded"]) >= 0.7 * (1 - 1e-9)
    assert max(minimum["demanded"]) <= 4 * (1 + 1e-9)


def test_what_is_saved_drives_a_scenario(graph: gs.Graph, capsys: pytest.CaptureFixture[str]) -> None:
    found = said(capsys, "s.yaml", "--total", "14", "--out", "deep/rates.csv")
    assert found["saved"] == ["deep/rates.csv"]
    assert found["stderr"] == ""
    rows = list(csv.DictReader(Path("deep/rates.csv").read_text().splitlines()))
    assert [float(row["rate"]) for row in rows] == found["rates"]
    rates = Rates.parse({"file": "deep/rates.csv"}, Path.cwd()).solve(graph, demand=lambda p: 1.0)
    np.testing.assert_array_equal(rates, found["rates"])
    small = said(capsys, "s.yaml", "--out", "small.csv")
    assert "DADAO asks for 13.2054: see --total" in small["stderr"]


def test_a_scenario_gives_its_settings(capsys: pytest.CaptureFixture[str]) -> None:
    Path("s.yaml").write_text(
        SCENARIO.replace("{name: optimal}", "{name: optimal, criterion: fastest_mixing, total: 2.0}")
    )
    found = said(capsys, "s.yaml")
    assert (found["criterion"], sum(found["rates"])) == ("fastest_mixing", pytest.approx(2.0))
    assert said(capsys, "s.yaml", "--criterion", "dadao")["criterion"] == "dadao"
    Path("c.yaml").write_text(SCENARIO.replace("method: dadao", "methods: [dadao, gossip]"))
    assert said(capsys, "c.yaml")["nodes"] == 8


def test_an_answer_that_misses_tol_says_so_and_is_no_failure(capsys: pytest.CaptureFixture[str]) -> None:
    found = said(capsys, "g.edgelist", "--tol", "1e-16")
    assert found["status"].startswith("not certified to tol")
    assert found["stderr"] == f"gossipsim: {found['status']}\n"


def test_the_convention_about_zero_edges_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    # a triangle with a pendant edge: of its edges the far one is not needed (docs/rates.md)
    Path("t.edgelist").write_text("0 1\n0 2\n1 2\n2 3\n")
    whole = said(capsys, "t.edgelist")
    pruned = said(capsys, "t.edgelist", "--prune")
    assert (whole["convention"], pruned["convention"]) == ("all edges", "active edges")
    assert whole["value"] == pytest.approx(3.2630, abs=1e-4)
    assert pruned["value"] == pytest.approx(3.0, rel=1e-6)
    assert pruned["rates"][0] == 0
    assert pruned["bracket"][0] <= pruned["bracket"][1] * (1 + 1e-9)
    assert main(["rates", "t.edgelist", "--prune", "--plot", "t.png"]) == 0
    out = capsys.readouterr().out
    assert "1 edge below 1e-4 of the mean rate; the largest resistance is taken over the edges in use only" in out


BAD = {
    "missing.graphml": ["missing.graphml", "no such file"],
    "missing.yaml": ["missing.yaml", "cannot be read"],
    "g.edgelist --criterion dado": ["--criterion", "did you mean 'dadao'"],
    "g.edgelist --method simplex": ["--method", "allowed: auto"],
    "g.edgelist --total 0": ["--total", "> 0"],
    "g.edgelist --total nan": ["--total"],
    "g.edgelist --total much": ["--total", "number"],
    "g.edgelist --tol -1": ["--tol"],
    "g.edgelist --node-cap 0": ["--node-cap"],
    "g.edgelist --node-cap 0.1": ["--node-cap", "allowed"],
    "g.edgelist --cost missing.csv": ["cost", "missing.csv"],
    "g.edgelist --cost g.edgelist": ["cost", "i,j,cost"],
    "g.edgelist --cost short.csv": ["cost", "missing"],
    "g.edgelist --cost wrong.csv": ["wrong.csv:3", "cost 'free'"],
    "g.edgelist --out rates.txt": ["rates.txt", ".csv"],
    "g.edgelist --plot rates.gif": ["rates.gif", ".png"],
    "two.edgelist": ["two.edgelist", "connected"],
    "loop.edgelist": ["loop.edgelist", "itself"],
    "bad.yaml": ["bad.yaml:1", "topology.name", "did you mean 'barbell'"],
    "g.edgelist --prune --criterion fastest_mixing": ["--prune", "dadao"],
}


@pytest.mark.parametrize("arguments", BAD)
def test_bad_input_is_one_sentence(arguments: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("short.csv").write_text("i,j,cost\n0,1,2\n")
    Path("wrong.csv").write_text("i,j,cost\n0,1,2\n0,2,free\n")
    Path("two.edgelist").write_text("0 1\n2 3\n")
    Path("loop.edgelist").write_text("0 1\n1 1\n")
    Path("bad.yaml").write_text(SCENARIO.replace("barbell", "barbel"))
    before = sorted(Path().iterdir())
    assert main(["rates", *arguments.split(), "--quiet"]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    for part in ["gossipsim: error: ", *BAD[arguments]]:
        assert part in err
    assert sorted(Path().iterdir()) == before


# In scenarios


def test_a_scenario_gets_what_its_method_asks_for(graph: gs.Graph) -> None:
    world = gs.World.build(gs.Scenario.parse(SCENARIO))
    answer = gs.optimal_rates(graph)
    np.testing.assert_allclose(world.rates, answer.demanded, rtol=1e-6)
    assert 2 * world.facts.chi_1 * world.facts.chi_2 == pytest.approx(1.0)
    assert world.promise is not None
    assert world.promise.met
    certificate = world.scenario.rates.certificate(graph)  # type: ignore[attr-defined]
    assert certificate["status"] == "certified"
    json.dumps(certificate, allow_nan=False)


def test_the_summary_of_a_run_shows_the_certificate(graph: gs.Graph) -> None:
    from gossipsim.summary import as_text, facts

    trace = gs.simulate(gs.Scenario.parse(SCENARIO), engine="processes")
    assert trace.meta["rates"]["certificate"] == Optimal().certificate(graph)
    (line,) = [line for line in as_text(facts(trace)).splitlines() if line.startswith("rates")]
    assert line.startswith(
        "rates      13.205 exchanges per unit time; dadao 13.205, with uniform rates 21.842; certified, gap "
    )


def test_a_total_a_cost_and_a_criterion(graph: gs.Graph) -> None:
    def one(p: Any) -> float:
        return 1.0

    assert Optimal(total=3.0).solve(graph, one).sum() == pytest.approx(3.0)
    mixing = Optimal(criterion="fastest_mixing").solve(graph, one)
    np.testing.assert_allclose(mixing, gs.optimal_rates(graph, "fastest_mixing").rates, rtol=1e-6)
    capped = Optimal(criterion="fastest_mixing", total=1.0, edge_cap=0.1).solve(graph, one)
    assert capped.max() <= 0.1 * (1 + 1e-9)
    Path("c.csv").write_text("\n\ni,j,cost\n" + "".join(f"{i},{j},{1 + i}\n" for i, j in graph.edges))
    costly = Optimal(cost=Path("c.csv"), total=5.0).solve(graph, one)
    assert float((1 + graph.edges[:, 0]) @ costly) == pytest.approx(5.0)
    single = gs.Graph.from_edges([], n=1)
    assert Optimal().solve(single, one).shape == (0,)
    assert Optimal().certificate(single) is None


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"node_cap": 0.1}, "node_cap"),
        ({"node_cap": 9.0, "total": 40.0}, "busiest node"),
        ({"minimum": 0.5, "total": 1.0}, "idlest edge"),
        ({"criterion": "fastest_mixing", "edge_cap": 1.0}, "limits without a total"),
        ({"criterion": "fastest_mixing", "prune": True}, "prune"),
    ],
)
def test_limits_that_cannot_be_kept(settings: dict[str, Any], says: str, graph: gs.Graph) -> None:
    with pytest.raises(ScenarioError, match=says):
        Optimal.read(settings).solve(graph, lambda p: 1.0)


# The cache


def test_solved_once_and_checked_when_read(graph: gs.Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    real = gs.optimal_rates

    def counted(*arguments: Any, **keys: Any) -> Any:
        calls.append(keys)
        return real(*arguments, **keys)

    monkeypatch.setattr("gossipsim.optimal.solve.optimal_rates", counted)

    def again(**keys: Any) -> Any:
        kept._REMEMBERED.clear()
        return Optimal(**keys).answer(graph)

    first = again()
    second = again()
    assert len(calls) == 1
    assert second.rates.tobytes() == first.rates.tobytes()
    assert second.summary() == first.summary()
    again(total=7.0)
    assert len(calls) == 1, "the proportions do not depend on the total"
    again(tol=1e-5)
    assert len(calls) == 2
    for keys in ({"node_cap": 5.0}, {"criterion": "fastest_mixing", "edge_cap": 0.3, "total": 1.0},
                 {"criterion": "total_resistance"}, {"criterion": "averaging_time"}):  # fmt: skip
        found, before = again(**keys), len(calls)
        assert again(**keys).summary() == found.summary()
        assert len(calls) == before, "what was kept proves its bound again"
    del calls[2:]
    kept._REMEMBERED.clear()
    Optimal().answer(gs.Graph.build("barbell", n=10))
    assert len(calls) == 3


@pytest.mark.parametrize("fault", ["truncated", "rates", "value", "bound", "empty"])
def test_a_spoilt_file_is_solved_again(fault: str, graph: gs.Graph) -> None:
    first = Optimal().answer(graph)
    (path,) = (path for path in Path("cache").iterdir())
    if fault == "truncated":
        path.write_bytes(path.read_bytes()[:200])
    elif fault == "empty":
        path.write_bytes(b"")
    else:
        with np.load(path) as archive:
            parts = {name: archive[name] for name in archive.files}
        if fault == "rates":
            parts["rates"] = parts["rates"][::-1].copy()
        else:  # a lie with a digest that fits
            parts["about"] = np.array(str(parts["about"]).replace(f'"{fault}": 13.2', f'"{fault}": 13.1'))
            arrays = {name: parts[name] for name in parts if name not in {"about", "digest"}}
            parts["digest"] = np.array(kept._digest(str(parts["about"]), arrays))
        np.savez(path, **parts)
    kept._REMEMBERED.clear()
    again = Optimal().answer(graph)
    assert (again.value, again.bound) == (first.value, first.bound)
    assert [each.name for each in Path("cache").iterdir()] == [path.name], "no draft is left"


def test_the_cache_may_be_out_of_reach(graph: gs.Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("file").write_text("")
    monkeypatch.setattr(kept, "folder", lambda: Path("file", "below"))
    assert Optimal().answer(graph).status == "certified"


def test_the_folder_depends_on_the_solver_and_on_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.undo()
    monkeypatch.setenv("GOSSIPSIM_CACHE", str(tmp_path / "root"))
    first = kept.folder()
    assert first.parent == tmp_path / "root"
    monkeypatch.setattr(kept, "_solver", lambda: "other")
    assert kept.folder() != first


# The picture


def test_the_picture_carries_the_rates(graph: gs.Graph) -> None:
    answer = gs.optimal_rates(graph)
    left, right, bar = plot_rates(graph, answer).axes
    shown = [
        next(c for c in ax.collections if c.get_array() is not None and c.get_cmap().name == "amounts")
        for ax in (left, right)
    ]
    np.testing.assert_allclose(shown[0].get_array(), 1 / graph.m)
    np.testing.assert_array_equal(shown[1].get_array(), np.sort(answer.rates))
    assert list(shown[1].get_linewidths()) == sorted(shown[1].get_linewidths())
    assert shown[0].get_clim() == shown[1].get_clim()
    assert "13.205" in right.get_title()
    assert "21.842" in left.get_title()
    assert bar.get_ylabel() == "rate (exchanges per unit time)"
    calls = plot_rates(graph, gs.optimal_rates(graph, "averaging_time")).axes[0]
    assert calls.get_title().startswith("uniform neighbours")
    with pytest.raises(ScenarioError, match="rates"):
        plot_rates(gs.Graph.build("path", n=3), answer)


@pytest.mark.parametrize("n", [2, 3])
def test_small_pictures(n: int) -> None:
    graph = gs.Graph.build("path", n=n)
    figure = plot_rates(graph, gs.optimal_rates(graph))
    assert "equal rates are optimal" in figure.get_suptitle()


# The guide


def test_the_guide_does_what_it_shows() -> None:
    text = GUIDE.read_text()
    Path("network.edgelist").write_text(BARBELL)
    blocks = re.findall(r"^```(\w+)\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    names: dict[str, Any] = {}
    ran = 0
    for (language, block), (after, shown) in zip(blocks, [*blocks[1:], ("", "")], strict=True):
        if language == "python":
            out = io.StringIO()
            with redirect_stdout(out):
                exec(block, names)
            if after == "text":
                assert out.getvalue() == shown
            ran += 1
        elif language == "sh":
            for line in block.splitlines():
                assert main(line.split()[1:]) == 0
                ran += 1
        elif language == "yaml":
            for line in block.splitlines():
                gs.Scenario.parse(SCENARIO.replace("rates: {name: optimal}", line.split("#")[0].strip()))
                ran += 1
    assert ran >= 6


def test_facts_are_json(graph: gs.Graph) -> None:
    json.dumps(rates_facts(gs.optimal_rates(graph)), allow_nan=False)
