"""What papers claim of methods: the scenarios of scenarios/claims, run as sweeps, pass as their first lines say."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import gossipsim as gs
from gossipsim.document import Document
from gossipsim.statistics import bootstrap, paired
from gossipsim.sweep_plan import plan

pytestmark = pytest.mark.slow  # every method is compiled

FOLDER = Path(__file__).parents[2] / "scenarios" / "claims"
FILES = sorted(FOLDER.glob("*.yaml"))
TESTED = {
    "a2cid2_on_rings",
    "choco_bits",
    "choco_rounds",
    "econtrol_control",
    "econtrol_floors",
    "ef21_step_sizes",
    "srrw_repulsion",
}


def swept(name, seeds, vary=None):
    """Run a claim with few seeds; no run may fail."""
    sweep = gs.sweep(FOLDER / f"{name}.yaml", vary, seeds=seeds, backend="serial")
    assert not set(sweep.table()["status"]) & {"failed", "refused", "invalid"}
    return sweep


def test_every_claim_is_tested():
    assert {file.stem for file in FILES} == TESTED


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_claim_says_what_it_claims_and_is_a_whole_sweep(file):
    comment = "".join(line for line in file.read_text().splitlines(keepends=True) if line.startswith("#"))
    assert comment.startswith("# Claim: ")
    assert "# Passes when: " in comment
    asked = plan(Document.load(file))
    assert len({run.setting for run in asked.runs}) > 1
    assert len({run.seed for run in asked.runs}) >= 5
    assert not any(run.refusal for run in asked.runs)


def test_momentum_gains_more_on_longer_rings():
    found = swept("a2cid2_on_rings", 8).decays("consensus").set_index(["topology.n", "method.accelerated"])
    gains = []
    for n in (16, 32, 64):
        fast, plain = found.loc[n, True], found.loc[n, False]
        assert fast["low"] > plain["high"], n
        gains.append((fast["low"] / plain["high"], fast["rate"] / plain["rate"], fast["high"] / plain["low"]))
    assert gains[0][0] > 2, "one exchange with momentum beats two without"
    for (_, value, high), (next_low, next_value, _) in pairwise(gains):
        assert next_low > high, "the intervals of the gains are apart"
        assert 1.5 < next_value / value < 2.5


def test_compression_saves_bits_and_hardly_costs_rounds():
    sweep = swept("choco_bits", 6)
    rows = {
        cost: sweep.compare("method", against="d_psgd", metric="gap", goal=0.005, cost=cost).iloc[0]
        for cost in ("bits", "time")
    }
    assert rows["bits"]["left_out"] == rows["time"]["left_out"] == 0
    assert rows["bits"]["ratio_high"] < 1 / 10
    assert rows["time"]["ratio_high"] < 1.3


def test_with_decreasing_steps_compression_costs_no_rounds():
    frame = swept("choco_rounds", 6).frame()
    bits = frame.groupby("method")["bits"].max()
    assert bits["exact"] > 25 * bits["compressed"]
    gaps = frame[frame["time"] > 400].groupby(["seed", "method"])["gap"].mean().unstack()
    ratio = bootstrap((gaps["compressed"] / gaps["exact"]).to_numpy())
    assert 0.9 < ratio.low <= ratio.high < 1.1


def test_the_arithmetic_mean_saves_rounds_in_the_ratio_of_the_steps():
    sweep = swept("ef21_step_sizes", 8)
    steps = {values["method.smoothness"]: pairs[0][1].meta["constants"]["gamma"] for values, pairs in sweep.groups()}
    row = sweep.compare("method.smoothness", against="am", cost="time").iloc[0]
    assert row["left_out"] == 0
    assert row["ratio_low"] > 1
    ratio = steps["am"] / steps["qm"]
    assert ratio > 1.25
    assert 0.9 * ratio < row["ratio_low"] <= row["ratio_high"] < 1.1 * ratio


def test_a_control_far_above_the_contraction_diverges():
    found = swept("econtrol_control", 3).summary("error")
    small = found["method.eta"] <= 0.1
    assert small.sum() == (~small).sum() == 4
    assert (found[small]["greatest"] <= 1e-6).all()
    assert (found[~small]["least"] > 1e6).all()


def test_the_floors_of_noise_are_ordered():
    frame = swept("econtrol_floors", 5).frame()
    tails = frame[frame["time"] > 3000].groupby(["topology.n", "method", "seed"])["error"].mean()
    names = ["sgd", "econtrol", "ef21_sgd", "ec_sgd"]
    floors = {}
    for n in (5, 17):
        for name in names:
            label = next(label for label in frame["method"].unique() if label.split()[0] == name)
            floors[n, name] = bootstrap(tails[n, label].to_numpy(), level=0.99)
        for lower, higher in pairwise(names):
            assert floors[n, lower].high < floors[n, higher].low, (n, lower, higher)
    for name in names[:3]:
        assert floors[5, name].value / floors[17, name].value == pytest.approx(4.0, rel=0.25)


def test_the_error_falls_with_repulsion_and_less_so_for_large_a():
    sweep = swept("srrw_repulsion", 80, {"method.alpha": [0.0, 5.0], "method.a": [0.7, 0.9, 1.0]})
    error = sweep.table().pivot_table(index="seed", columns=["method.alpha", "method.a"], values="error")

    def ratio(lower, higher):
        """Return the ratio of two mean squared errors and its relative standard error, as of independent samples."""
        a, b = error[lower].to_numpy(), error[higher].to_numpy()
        spread = [x.std(ddof=1) / x.mean() / np.sqrt(len(x)) for x in (a, b)]
        return a.mean() / b.mean(), float(np.hypot(*spread))

    for a, specified, least in ((0.7, 0.06, 0.5), (0.9, 0.15, 0.8)):
        measured, spread = ratio((5.0, a), (0.0, a))
        assert least / (1 + 3 * spread) <= measured / specified <= 1.25 * (1 + 3 * spread), a
    for smaller, larger in pairwise((0.7, 0.9, 1.0)):
        difference = paired(error[5.0, larger], error[5.0, smaller]).difference
        assert difference.high < 0.0, (smaller, larger)
