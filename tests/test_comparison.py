"""Several methods on one world: the same bytes as alone, one table, one picture, one folder that is whole or not there."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gossipsim as gs
from gossipsim.cli import main
from gossipsim.comparison import folder_names
from gossipsim.comparison_plot import PANELS, draw_panels
from gossipsim.comparison_summary import COSTS, comparison_facts, comparison_text
from gossipsim.contenders import LONGEST_LABEL, contenders
from gossipsim.document import Document
from gossipsim.errors import Interrupted, ScenarioError
from gossipsim.plot import X_AXES

WORLD: dict[str, Any] = {
    "name": "small",
    "seed": 4,
    "topology": {"name": "cycle", "n": 8},
    "problem": {"name": "quadratic", "dim": 2, "L": 3.0},
    "run": {"time": 40},
    "record": {"points": 40},
}
METHODS: list[Any] = [
    "dadao",
    {"name": "dadao", "label": "slow", "gamma": 0.02},
    {"name": "dadao", "rates": {"name": "degree", "total": 20.0}},
]
FILE = """\
name: small
topology: {name: cycle, n: 8}
problem: {name: quadratic, dim: 2, L: 3.0}
methods:
  - dadao
  - {name: dadao, label: slow, gamma: 0.02}
run: {time: 5}
record: {points: 10}
"""


@pytest.fixture(scope="module")
def found() -> gs.Comparison:
    return gs.compare({**WORLD, "methods": METHODS})


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.yaml").write_text(FILE)
    return "small.yaml"


def labels(*entries: Any) -> list[str]:
    return [each.label for each in contenders(Document({**WORLD, "methods": list(entries)}))]


# What is run


def test_each_method_runs_as_it_would_alone(found: gs.Comparison) -> None:
    alone = {
        "dadao": {"method": "dadao"},
        "slow": {"method": {"name": "dadao", "gamma": 0.02}},
        "dadao rates=degree rates.total=20.0": {"method": "dadao", "rates": {"name": "degree", "total": 20.0}},
    }
    assert list(found.traces) == list(alone)
    for label, changes in alone.items():
        trace = gs.simulate({**WORLD, **changes})
        for name, column in trace.columns.items():
            assert column.tobytes() == found.traces[label].columns[name].tobytes(), (label, name)
        for name, array in trace.final.items():
            assert array.tobytes() == found.traces[label].final[name].tobytes(), (label, name)


def test_methods_with_the_same_rates_see_the_same_events(found: gs.Comparison) -> None:
    for count in ("gradients", "activations", "bits"):
        np.testing.assert_array_equal(found.traces["dadao"].columns[count], found.traces["slow"].columns[count])


def test_labels_say_what_differs() -> None:
    assert labels("dadao", "gossip") == ["dadao", "gossip"]
    assert labels("dadao", {"name": "dadao", "mu": 0.5}) == ["dadao", "dadao mu=0.5"]
    assert labels("dadao", "dadao", "dadao") == ["dadao", "dadao #2", "dadao #3"]
    assert labels("dadao", {"name": "gossip", "label": "dadao"}) == ["dadao #2", "dadao"]


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.fixed_dictionaries(
            {"name": st.sampled_from(["dadao", "gossip"])},
            optional={
                "label": st.sampled_from(["dadao", "dadao #2", "gossip", "a"]),
                "rates": st.sampled_from(["uniform", "degree"]),
            },
        ),
        min_size=1,
        max_size=6,
    )
)
def test_labels_and_folders_are_never_alike(entries: list[dict[str, Any]]) -> None:
    explicit = [entry["label"] for entry in entries if "label" in entry]
    if len(set(explicit)) < len(explicit):
        with pytest.raises(ScenarioError, match="given twice"):
            labels(*entries)
        return
    said = labels(*entries)
    assert len(set(said)) == len(entries)
    assert max(map(len, said)) <= LONGEST_LABEL + 4
    for entry, label in zip(entries, said, strict=True):
        assert entry.get("label", label) == label
    places = folder_names(said)
    assert len({place.lower() for place in places.values()}) == len(said)


def test_folder_names_stay_inside() -> None:
    for place in folder_names(["..", "/etc/x", "a/b", "CON", "é", "comparison.json", "x" * LONGEST_LABEL]).values():
        assert Path(place).name == place
        assert place not in {".", "..", "comparison.json"}


def test_a_method_that_declines_is_told_and_the_others_run() -> None:
    flat = {"name": "linear_regression", "synthetic": {"samples": 2, "dim": 3}}
    found = gs.compare({**WORLD, "problem": flat, "run": {"time": 3}, "methods": ["dadao", "gossip"]})
    assert list(found.traces) == ["gossip"]
    assert "mu = 0" in found.refused["dadao"]
    assert f"dadao refused: {found.refused['dadao']}" in comparison_text(found)
    assert comparison_facts(found)["methods"]["dadao"] == {"refused": found.refused["dadao"]}
    assert found.table().status["dadao"].startswith("refused: ")


def test_a_single_scenario_points_to_the_comparison() -> None:
    for several in ({**WORLD, "methods": ["dadao"]}, {**WORLD, "method": "dadao", "methods": ["dadao"]}):
        with pytest.raises(ScenarioError, match=r"methods: this compares methods: use gs\.compare or gossipsim run"):
            gs.Scenario.parse(several)


def test_a_fault_that_all_share_is_an_error() -> None:
    with pytest.raises(ScenarioError, match=r"topology.file: no such file"):
        gs.compare({**WORLD, "topology": {"file": "missing.graphml"}, "methods": ["dadao", "gossip"]})
    with pytest.raises(ScenarioError, match="no methods to compare"):
        gs.compare({**WORLD, "method": "dadao"})


def test_progress_names_the_method_and_never_falls() -> None:
    told: list[tuple[float, str]] = []
    gs.compare({**WORLD, "methods": ["dadao", "gossip"]}, progress=lambda f, text: told.append((f or 0.0, text)))
    assert {text.split(":")[0] for _, text in told} == {"dadao", "gossip"}
    assert 0.9 < told[-1][0] <= 1.0
    assert all(a <= b + 1e-12 for (a, _), (b, _) in pairwise(told))


# What comes back


def test_the_frame_is_tidy(found: gs.Comparison) -> None:
    frame = found.frame()
    assert list(frame) == ["method", *found.traces["dadao"].columns]
    assert len(frame) == sum(len(trace.columns["time"]) for trace in found.traces.values())
    for label, trace in found.traces.items():
        np.testing.assert_array_equal(frame[frame["method"] == label]["error"], trace.columns["error"])


@pytest.mark.parametrize("goal", [None, 1e-3, 1e-30])
def test_the_table_is_the_naive_search(found: gs.Comparison, goal: float | None) -> None:
    given = {**found.given, "run": {"time": 40, **({"error": goal} if goal else {})}}
    found = gs.Comparison(given, found.traces)
    metric, target = found.target()
    assert metric == "error"
    assert target == (goal or sorted(trace.columns["error"].min() for trace in found.traces.values())[1])
    table, unreached = found.table(), 0
    for label, trace in found.traces.items():
        rows = [row for row in trace.frame().to_dict("records") if row["error"] <= target]
        unreached += not rows
        for name in COSTS:
            if rows:
                assert table[name][label] == rows[0][name]
            else:
                assert table[name][label] is None or np.isnan(table[name][label])
    assert comparison_text(found).count("not reached") == unreached
    assert unreached == {None: 1, 1e-3: unreached, 1e-30: 3}[goal]


def test_a_diverged_method_sets_no_target() -> None:
    found = gs.compare({**WORLD, "methods": ["dadao", {"name": "dadao", "label": "wild", "gamma": 1e99}]})
    assert found.traces["wild"].status == "diverged"
    assert found.target()[1] == found.traces["dadao"].columns["error"].min()
    assert found.table().status.tolist() == ["finished", "diverged"]
    json.dumps(comparison_facts(found), allow_nan=False)


def test_errors_of_different_points_are_no_race(capsys: pytest.CaptureFixture[str]) -> None:
    found = gs.compare({**WORLD, "methods": ["dadao", "gossip"], "run": {"time": 2}})
    assert "seek different points" in comparison_facts(found)["remark"]


def test_four_panels_one_style_each_and_one_legend(found: gs.Comparison) -> None:
    figure = found.plot()
    assert [ax.get_xlabel() for ax in figure.axes] == [X_AXES[panel] for panel in PANELS]
    assert all(ax.get_yscale() == "log" for ax in figure.axes)
    assert all(ax.get_legend() is None for ax in figure.axes)
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == list(found.traces)
    for k, (label, trace) in enumerate(found.traces.items()):
        looks = {(ax.get_lines()[k].get_color(), ax.get_lines()[k].get_linestyle()) for ax in figure.axes}
        assert len(looks) == 1
        for ax, panel in zip(figure.axes, PANELS, strict=True):
            line = ax.get_lines()[k]
            assert line.get_label() == label
            np.testing.assert_array_equal(line.get_xdata(), trace.columns[panel])
            np.testing.assert_array_equal(line.get_ydata(), trace.columns["error"])
    with pytest.raises(ScenarioError, match="did you mean 'error'"):
        found.plot(y="eror")


def test_many_methods_look_different(found: gs.Comparison) -> None:
    trace = found.traces["dadao"]
    ax = draw_panels({str(k): trace for k in range(28)}).axes[0]
    assert len({(line.get_color(), line.get_linestyle()) for line in ax.get_lines()}) == 28


def test_a_method_without_gradients_leaves_that_panel_empty() -> None:
    figure = gs.compare({**WORLD, "methods": ["gossip"], "run": {"time": 3}}).plot()
    assert [len(ax.get_lines()) for ax in figure.axes] == [1, 0, 1, 1]


# What is saved


def test_what_is_saved_is_loaded(found: gs.Comparison, tmp_path: Path) -> None:
    folder = found.save(tmp_path / "out", picture=True)
    again = gs.Comparison.load(folder)
    assert again.given == found.given
    assert comparison_text(again) == comparison_text(found)
    assert sorted(path.name for path in folder.iterdir()) == [
        "comparison.json", "comparison.png", "comparison.yaml", "dadao", "dadao-rates=degree-rates.total=20.0", "slow",
    ]  # fmt: skip
    assert gs.Trace.load(folder / "slow").scenario == found.traces["slow"].scenario
    rerun = gs.compare(folder / "comparison.yaml")
    assert list(rerun.traces) == list(found.traces)
    for label, trace in rerun.traces.items():
        assert trace.columns["error"].tobytes() == found.traces[label].columns["error"].tobytes()


def test_a_comparison_is_written_whole_or_not_at_all(
    found: gs.Comparison, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found.save(tmp_path / "out")
    before = (tmp_path / "out" / "comparison.json").read_bytes()

    def crash(*_: object, **__: object) -> None:
        raise RuntimeError("crash")

    with monkeypatch.context() as patch:
        patch.setattr("gossipsim.comparison._digest", crash)
        for name in ("out", "new"):
            with pytest.raises(RuntimeError):
                found.save(tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert (tmp_path / "out" / "comparison.json").read_bytes() == before
    found.save(tmp_path / "out")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("years")
    with pytest.raises(ScenarioError, match="not a result"):
        found.save(tmp_path / "mine")


@pytest.mark.parametrize("fault", ["json", "yaml", "newer", "outside", "missing"])
def test_what_was_changed_is_not_loaded(found: gs.Comparison, tmp_path: Path, fault: str) -> None:
    folder = found.save(tmp_path / "out")
    meta = json.loads((folder / "comparison.json").read_text())
    if fault == "json":
        (folder / "comparison.json").write_text("{}")
    elif fault == "yaml":
        (folder / "comparison.yaml").write_text("methods: []\n")
    elif fault == "newer":
        (folder / "comparison.json").write_text(json.dumps({**meta, "format": 99}))
    elif fault == "outside":
        (folder / "comparison.json").write_text(json.dumps({**meta, "results": {"dadao": "../x"}}))
    else:
        (folder / "slow" / "final.npz").unlink()
    with pytest.raises(ScenarioError):
        gs.Comparison.load(folder)


# The command line


def test_run_prints_one_table_and_saves(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", file]) == 0
    out, err = capsys.readouterr()
    folder = Path("results", "small-seed0")
    assert out == comparison_text(gs.Comparison.load(folder), folder) + "\n"
    assert "small, dadao: 100 %" in err
    assert "small, slow: 100 %" in err
    assert (folder / "comparison.png").stat().st_size > 0
    assert main(["run", file, "--quiet"]) == 0, "a comparison is replaced by the next"


def test_json_is_one_object(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        main(["run", file, "--json", "--quiet", "--seed", "3", "--set", "run.time=4", "--set", "methods[1].gamma=0.05"])
        == 0
    )
    out, err = capsys.readouterr()
    assert (out.count("\n"), err) == (1, "")
    said = json.loads(out)
    assert list(said["methods"]) == ["dadao", "slow"]
    assert said["methods"]["slow"]["to_target"]["gradients"] >= 0
    scenarios = [trace.scenario for trace in gs.Comparison.load("results/small-seed3").traces.values()]
    assert {(each.seed, each.run.time) for each in scenarios} == {(3, 4.0)}
    assert scenarios[1].method.gamma == 0.05  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (["methods=[gossip]"], ["gossip"]),
        (["methods[1]=gossip"], ["dadao", "gossip"]),
        (["methods.1.name=gossip", "methods[1].gamma=null"], None),
        (["methods[1]={name: dadao, label: other}", "topology.name=star"], ["dadao", "other"]),
        (["methods[0].rates={name: degree, total: 9}"], ["dadao rates=degree rates.total=9", "slow"]),
    ],
)
def test_overrides(file: str, changes: list[str], expected: list[str] | None) -> None:
    status = main(["run", file, "--quiet", "--out", "o", *(part for change in changes for part in ("--set", change))])
    if expected is None:
        assert status == 2
    else:
        assert status == 0
        assert list(gs.Comparison.load("o").traces) == expected


def test_an_override_turns_one_into_the_other(file: str) -> None:
    assert main(["run", file, "--quiet", "--set", "method=gossip", "--out", "one"]) == 0
    assert gs.Trace.load("one").scenario.method.name == "gossip"
    text = (
        Path(file)
        .read_text()
        .replace("methods:\n  - dadao\n  - {name: dadao, label: slow, gamma: 0.02}", "method: dadao")
    )
    Path("single.yaml").write_text(text)
    assert main(["run", "single.yaml", "--quiet", "--set", "methods=[dadao, gossip]", "--out", "two"]) == 0
    assert list(gs.Comparison.load("two").traces) == ["dadao", "gossip"]


BAD = {
    "methods: []": "methods: given []",
    "methods: dadao": "methods: given 'dadao'",
    "methods: [dadao, 5]": "methods[1]: given 5",
    "methods: [dado]": "did you mean 'dadao'",
    "methods:\n- dadao\n- {name: dadao, etta: 1}": ":6: methods[1].etta: unknown key 'etta'",
    "methods:\n- dadao\n- {name: gossip, lr: 1}": ":6: methods[1].lr: unknown key 'lr'; allowed: label, rates",
    "methods: [dadao]\nmethod: dadao": "given together with method",
    "methods:\n- {name: dadao, label: a}\n- {name: gossip, label: a}": ":6: methods[1].label: 'a' is given twice",
    "methods: [{name: dadao, label: 3}]": "methods[0].label: given 3",
    'methods: [{name: dadao, label: "a\\nb"}]': "methods[0].label: given",
    "methods:\n- dadao\n- {name: dadao, rates: {name: uniform, totl: 3}}": ":6: methods[1].rates.totl",
    "methods: [dadao]\nrates: {name: unifrm}": "rates.name: unknown rates 'unifrm'",
    "methods: [dadao, gossip]\ntoplogy: 3": "did you mean 'topology'",
    "methods:\n- dadao\n- {label: x}": ":6: methods[1]: method without a name",
}  # fmt: skip


@pytest.mark.parametrize("methods", BAD)
@pytest.mark.parametrize("command", ["run", "check"])
def test_bad_input_is_one_sentence(
    methods: str, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    head = "topology: {name: cycle, n: 8}\nproblem: {name: quadratic, dim: 2}\nrun: {time: 5}\n"
    Path("b.yaml").write_text(head + methods + "\n")
    assert main([command, "b.yaml"]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith("gossipsim: error: b.yaml:")
    assert BAD[methods] in err
    assert [path.name for path in Path().iterdir()] == ["b.yaml"]


def test_no_method_that_runs_is_a_failure(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    changes = [
        "--set",
        "problem={name: linear_regression, synthetic: {samples: 2, dim: 5}}",
        "--set",
        "methods=[dadao]",
    ]
    assert main(["run", file, "--quiet", *changes]) == 1
    assert "no method ran to its end" in capsys.readouterr().err
    assert gs.Comparison.load("results/small-seed0").refused
    assert main(["run", file, "--quiet", "--set", "methods=[{name: dadao, gamma: 1.0e+99}]"]) == 1


def test_check_builds_every_method(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", file]) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"{file}: ok, n = 8, m = 8, d = 2, methods: dadao (about ")
    assert "; slow (about " in said
    assert not Path("results").exists()


def test_plot_knows_a_comparison(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", file, "--quiet", "--out", "a"]) == 0
    assert main(["run", file, "--quiet", "--out", "b", "--set", "method=gossip"]) == 0
    capsys.readouterr()
    assert main(["plot", "a"]) == 0
    assert main(["plot", "a", "--x", "bits", "--y", "gap"]) == 0
    assert main(["plot", "a", "b", "--out", "both.svg"]) == 0
    assert capsys.readouterr().out.split() == ["a/metrics-by-all.png", "a/gap-by-bits.png", "both.svg"]
    assert main(["plot", "a", "--y", "eror"]) == 2
    gs.Comparison.load("a")


def test_ctrl_c_keeps_what_was_computed(
    file: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from gossipsim import simulation

    real, calls = simulation.simulate, []

    def stopped(scenario: gs.Scenario, **keys: Any) -> gs.Trace:
        calls.append(scenario)
        trace = real(scenario, **keys)
        if len(calls) == 2:
            raise Interrupted(trace)
        return trace

    monkeypatch.setattr("gossipsim.comparison.simulate", stopped)
    assert main(["run", file, "--quiet", "--set", "methods=[dadao, gossip, dadao]"]) == 130
    assert "interrupted" in capsys.readouterr().err
    assert list(gs.Comparison.load("results/small-seed0").traces) == ["dadao", "gossip"]


@pytest.mark.parametrize(
    ("methods", "good"),
    [
        (["dadao", {"name": "dadao", "label": "x", "mu": 0.5}], True),
        ([{"name": "dadao", "rates": {"name": "degree"}}, "mine.py:Mine"], True),
        ([], False),
        (["dado"], False),
        ([{"name": "dadao", "etta": 1}], False),
        ([{"name": "dadao", "label": 3}], False),
        ("dadao", False),
    ],
)
def test_the_schema_knows_methods(methods: Any, good: bool) -> None:
    import jsonschema

    from gossipsim.schema import scenario_schema

    check = jsonschema.Draft202012Validator(scenario_schema())
    assert check.is_valid({**WORLD, "methods": methods}) == good
    assert not check.is_valid({**WORLD, "methods": methods, "method": "dadao"})
    assert not check.is_valid(WORLD)
