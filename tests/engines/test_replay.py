"""The trajectories of the reference implementation of DADAO, replayed event by event.

The npz files hold recorded events, states at checkpoints, and the flow matrix whose entries the reference rounds to single
precision; see their arrays. A scenario passes such explicit coefficients as `flow: {file: ..., array: ...}`.
"""

from pathlib import Path

import numpy as np
import pytest

import gossipsim as gs

DATA = Path(__file__).parents[1] / "data"
CASES = {
    "dadao_case01": {"name": "linear_regression"},
    "dadao_case03": {"name": "logistic_regression", "l2": 1.0},
}
FIELDS = ("x", "x_tilde", "y", "y_tilde", "z", "z_tilde")


def scenario(case, folder, *, rounded=True, **run):
    file = DATA / f"{case}.npz"
    a = np.load(file)
    np.savez(folder / "start.npz", x=a["X0"])
    return gs.Scenario.parse(
        {
            "topology": {"edges": a["edges"].tolist()},
            "problem": {**CASES[case], "file": str(file)},
            "method": {"name": "dadao", "mu": float(a["mu"]), "L": float(a["L"])}
            | ({"flow": {"file": str(file), "array": "ode_matrix"}} if rounded else {}),
            "init": {"file": str(folder / "start.npz")},
            "clocks": {"trace": str(file)},
            "run": run,
            "record": {"points": 5, "metrics": ["error"]},
        }
    )


@pytest.mark.parametrize("engine", ["compiled", pytest.param("processes", marks=pytest.mark.slow)])
@pytest.mark.parametrize("case", ["dadao_case01", pytest.param("dadao_case03", marks=pytest.mark.slow)])
def test_every_checkpoint_is_reproduced(case, engine, tmp_path):
    a = np.load(DATA / f"{case}.npz")
    for c, k in enumerate(a["checkpoints"]):
        if k == 0:
            continue
        trace = gs.simulate(scenario(case, tmp_path, events=int(k)), engine=engine)
        assert trace.meta["events"] == k
        np.testing.assert_array_equal(trace.final["at"], a["t_last_event"][c])
        for field in FIELDS:
            reference = a[field.capitalize()][c]
            deviation = np.abs(trace.final[field] - reference).max() / np.abs(reference).max()
            assert deviation < 1e-9, (k, field, deviation)


@pytest.mark.parametrize("case", CASES)
def test_the_theory_gives_the_constants_of_the_reference(case, tmp_path):
    a = np.load(DATA / f"{case}.npz")
    constants = gs.World.build(scenario(case, tmp_path)).constants
    for name in ("nu", "gamma", "gamma_tilde", "delta", "delta_tilde", "beta", "beta_tilde"):
        assert constants[name] == pytest.approx(float(a[name]), rel=1e-12)


def test_exact_coefficients_go_on_where_rounded_ones_stall(tmp_path):
    a = np.load(DATA / "dadao_case01.npz")
    exact = gs.simulate(scenario("dadao_case01", tmp_path, rounded=False)).columns["error"][-1]
    rounded = gs.simulate(scenario("dadao_case01", tmp_path)).columns["error"][-1]
    assert exact < 1e-20
    assert 1e-12 < rounded < 1e-10
    assert 1e-12 < a["err_exact"][-1] < 1e-10


def test_csv_and_parquet_recordings_give_the_same_run(tmp_path):
    import pandas as pd

    a = np.load(DATA / "dadao_case01.npz")
    frame = pd.DataFrame({name: a[name].astype(float if name == "t" else int) for name in ("t", "kind", "i", "j")})
    frame.to_csv(tmp_path / "events.csv", index=False)
    frame.to_parquet(tmp_path / "events.parquet")
    base = scenario("dadao_case01", tmp_path, events=500)
    whole = gs.simulate(base).final["z_tilde"].tobytes()
    for name in ("events.csv", "events.parquet"):
        assert gs.simulate(base.replace({"clocks.trace": str(tmp_path / name)})).final["z_tilde"].tobytes() == whole
