"""The reference trajectories of Continuized, MSDA and ADOM+ on linear regression, replayed at every checkpoint."""

from pathlib import Path

import numpy as np
import pytest

import gossipsim as gs

DATA = Path(__file__).parents[1] / "data"
CASES = {
    "continuized_case06": {"name": "continuized"},
    "msda_case08": {"name": "msda"},
    "adom_plus_case10a": {"name": "adom_plus"},
    "adom_plus_case10b": {"name": "adom_plus", "multi_consensus": True},
    "adom_plus_case12": {"name": "adom_plus", "multi_consensus": True},
}
FIELDS = {
    "continuized": {"y": "Y", "z": "Z", "primal": "primal_from_Z"},
    "msda": {"x": "X", "y": "Y", "primal": "primal_from_X"},
    "adom_plus": {name: name.capitalize() for name in ("x", "y", "z", "m", "x_f", "y_f", "z_f")},
}


FEW = [pytest.param(case, marks=pytest.mark.slow if name["name"] == "msda" else ()) for case, name in CASES.items()]


def scenario(case, folder, count, **more):
    file = DATA / f"{case}.npz"
    a = np.load(file)
    method = {**CASES[case], "mu": float(a["mu"]), "L": float(a["L"])}
    given = {
        "topology": {"edges": a["edges"].tolist()},
        "problem": {"name": "linear_regression", "file": str(file)},
        "run": {"events": int(count)},
        "record": {"points": 1, "metrics": ["error"]},
    }
    if method["name"] == "continuized":
        given["clocks"] = {"trace": str(file)}
        method["flow"] = {"file": str(file), "array": "ode_matrix"}
    if method["name"] == "adom_plus":
        np.savez(folder / "start.npz", x=a["X0"], x_f=a["X0"], y=a["Y0"], y_f=a["Y0"], m=a["M0"])
        given["init"] = {"file": str(folder / "start.npz")}
    return gs.Scenario.parse(given | {"method": method | more})


@pytest.mark.parametrize("engine", ["compiled", pytest.param("processes", marks=pytest.mark.slow)])
@pytest.mark.parametrize("case", FEW)
def test_every_checkpoint_is_reproduced(case, engine, tmp_path):
    a = np.load(DATA / f"{case}.npz")
    name = CASES[case]["name"]
    for c, k in enumerate(a["checkpoints"]):
        if k == 0 or (engine == "processes" and k > 1000):
            continue
        trace = gs.simulate(scenario(case, tmp_path, k), engine=engine)
        assert trace.meta["events"] == k
        if name == "continuized":
            np.testing.assert_array_equal(trace.final["at"], a["t_last_event"][c])
        for field, reference in FIELDS[name].items():
            deviation = np.abs(trace.final[field] - a[reference][c]).max() / np.abs(a[reference][c]).max()
            assert deviation < 1e-9, (k, field, deviation)


@pytest.mark.parametrize("case", FEW)
def test_costs_are_counted_as_the_reference_counts_them(case, tmp_path):
    a = np.load(DATA / f"{case}.npz")
    threshold = np.flatnonzero(a["conv_first_k_exact"] > 0)[-1]
    k = int(a["conv_first_k_exact"][threshold])
    columns = gs.simulate(scenario(case, tmp_path, k)).columns
    assert columns["gradients"][-1] == a["conv_first_n_grad_exact"][threshold]
    assert columns["activations"][-1] == a["conv_first_n_gossip_exact"][threshold]
    if CASES[case]["name"] != "continuized":  # its error is measured with all nodes at one time, the reference's is not
        goal = a["conv_thresholds"][threshold] * columns["error"][0]
        assert columns["error"][-1] <= goal


@pytest.mark.parametrize("case", CASES)
def test_the_theory_gives_the_constants_of_the_reference(case, tmp_path):
    a = np.load(DATA / f"{case}.npz")
    constants = gs.World.build(scenario(case, tmp_path, 1)).constants
    same = {
        "continuized": {"gamma": "gamma", "gamma_tilde": "gamma_tilde"},
        "msda": {"eta": "eta", "momentum": "momentum"},
    }
    letters = ("tau_1", "tau_2", "sigma_1", "sigma_2", "eta", "theta", "alpha", "beta", "gamma", "delta", "zeta", "nu")
    for name, reference in same.get(CASES[case]["name"], {n: n for n in letters if n in a}).items():
        assert constants[name] == pytest.approx(float(a[reference]), rel=1e-10), name
