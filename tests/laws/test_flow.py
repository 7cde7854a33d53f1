"""The exact flow against matrix exponentials in 60 digits, and its laws."""

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gossipsim.errors import ScenarioError
from gossipsim.facts import Facts
from gossipsim.flow import field_at
from gossipsim.methods.dadao import Dadao
from gossipsim.modes import spectral_form
from gossipsim.rows import NODE, constants_row, zeros


def exact(matrix, t):
    with mp.workdps(60):
        return np.array(mp.expm(mp.matrix(np.asarray(matrix).tolist()) * t).tolist(), dtype=float)


def dadao(kappa):
    facts = Facts(2, 1, 1.0, kappa, np.ones(1), None)
    return Dadao(chi_1=1.0).flow_matrix(facts)


@pytest.mark.parametrize("kappa", [1.5, 10.0, 1e4])
@pytest.mark.parametrize("t", [1e-9, 1e-3, 0.1, 0.5, 3.0, 40.0, 1e3])
def test_dadao_flow_is_exact(kappa, t):
    want = exact(dadao(kappa), t)
    got = spectral_form(dadao(kappa)).propagator(t)
    assert np.abs(got - want).max() <= 4e-13 * np.abs(want).max()


@pytest.mark.parametrize("kappa", [1.5, 10.0, 1e4])
@pytest.mark.parametrize("t", [1e-9, 1e-6, 1e-3, 0.03, 0.2])
def test_entries_of_high_order_are_exact_relative_to_themselves(kappa, t):
    form = spectral_form(dadao(kappa))
    want, got = exact(dadao(kappa), t), form.propagator(t)
    for s in form.series:
        assert got[s.i, s.j] == pytest.approx(want[s.i, s.j], rel=6e-10)


@pytest.mark.parametrize(
    "matrix",
    [
        [[0.0]],
        [[-2.0]],
        np.zeros((3, 3)),
        [[0.0, 1.0], [0.0, 0.0]],
        [[0.0, 1.0], [-1.0, 0.0]],
        [[-1.0, 1.0, 0.0], [0.0, -1.0, 1.0], [0.0, 0.0, -1.0]],
        [[-1.0, 2.0, 0, 0], [-2.0, -1.0, 0, 0], [0, 0, -1.0, 2.0], [0, 0, -2.0, -1.0]],
    ],
)
def test_defective_and_degenerate_matrices_need_no_special_case(matrix):
    for t in (0.0, 1e-4, 0.7, 5.0):
        np.testing.assert_allclose(spectral_form(matrix).propagator(t), exact(matrix, t), atol=1e-14)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 5), st.floats(0.0, 3.0))
def test_any_flow(seed, size, t):
    matrix = np.random.default_rng(seed).normal(size=(size, size))
    want = exact(matrix, t)
    np.testing.assert_allclose(spectral_form(matrix).propagator(t), want, atol=1e-9 * np.abs(want).max())


def test_two_short_flows_are_one_long_flow():
    form = spectral_form(dadao(10.0))
    np.testing.assert_allclose(
        form.propagator(0.4) @ form.propagator(1.1), form.propagator(1.5), rtol=1e-12, atol=1e-14
    )


@pytest.mark.parametrize("bad", [[[1.0, 2.0]], [[np.nan]], [1.0]])
def test_bad_matrices_are_refused(bad):
    with pytest.raises(ScenarioError, match="square"):
        spectral_form(bad)


def test_a_matrix_within_rounding_of_a_defective_one_is_refused():
    with pytest.raises(ScenarioError, match="defective"):
        spectral_form([[0.0, 1.0], [0.0, 1e-9]])


def test_the_generated_kernel_and_the_view_at_a_time_agree_with_the_propagator():
    form = spectral_form(dadao(10.0))
    fields = Dadao.vectors()
    rows = zeros({**NODE, **Dadao.node}, 3, 2)
    rng = np.random.default_rng(0)
    for name in fields:
        rows[name] = rng.normal(size=(2, 3))
    start = np.stack([rows[name] for name in fields], axis=1)
    space = {"_exp": np.exp, "_cos_sin": lambda x: (np.cos(x), np.sin(x)), "_D": 3}
    exec(form.source(fields), space)
    for t in (0.01, 0.9):
        moved = rows.copy()
        space["flow"](constants_row(form.constants)[0], moved[0], t)
        want = form.propagator(t) @ start[0]
        np.testing.assert_allclose(np.stack([moved[0][name] for name in fields]), want, atol=1e-14)
        assert moved[0].at == t
        for k, name in enumerate(fields):
            np.testing.assert_allclose(field_at(form, rows, fields, name, t)[0], want[k], atol=1e-12)
