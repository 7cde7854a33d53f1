"""Every compressor against the constants and the bits that it states, and in both engines."""

import numpy as np
import pytest

import gossipsim as gs
from gossipsim.compressors import Compressor
from gossipsim.engines import processes
from gossipsim.engines.interpreted import InterpretedVerbs

DIM, B = 24, 32
DRAWS = pytest.mark.parametrize("draws", [30, pytest.param(250, marks=pytest.mark.slow)])
MEMBERS = {
    "identity": ("identity", DIM * B),
    "top_k": ({"name": "top_k", "k": 5}, 5 * (B + 5)),
    "chunked_top_k": ({"name": "chunked_top_k", "k": 2, "chunk": 7}, 8 * (B + 3)),
    "random_k": ({"name": "random_k", "k": 5}, 5 * (B + 5)),
    "random_k_unbiased": ({"name": "random_k", "k": 5, "unbiased": True}, 5 * (B + 5)),
    "random_k_shared": ({"name": "random_k", "k": 5, "shared_seed": True}, 5 * B),
    "bernoulli": ({"name": "bernoulli", "p": 0.3}, {1, 1 + DIM * B}),
    "bernoulli_biased": ({"name": "bernoulli", "p": 0.3, "unbiased": False, "shared_seed": True}, {0, DIM * B}),
    "scaled_sign": ("scaled_sign", DIM + B),
    "qsgd_1": ({"name": "qsgd", "levels": 1}, B + DIM * 2),
    "qsgd_4": ({"name": "qsgd", "levels": 4}, B + DIM * 4),
    "qsgd_rescaled": ({"name": "qsgd", "levels": 2, "rescaled": True}, B + DIM * 3),
    "ternary": ("ternary", B + 39),
    "natural": ("natural", 9 * DIM),
    "natural_dithering": ({"name": "natural_dithering", "levels": 4}, B + DIM * 4),
    "natural_dithering_1": ({"name": "natural_dithering", "levels": 6, "p": 1}, B + DIM * 4),
    "natural_dithering_inf": ({"name": "natural_dithering", "levels": 2, "p": "inf"}, B + DIM * 3),
    "low_rank": ({"name": "low_rank", "rank": 2}, 2 * 10 * B),
    "low_rank_tall": ({"name": "low_rank", "rank": 1, "rows": 8}, 11 * B),
}
STATED = pytest.mark.parametrize("name", MEMBERS)


def member(name):
    return Compressor.parse(MEMBERS[name][0])


def vectors():
    """Ordinary and nasty vectors: Gaussian, heavy-tailed, sparse, constant, tiny, huge, and tied."""
    rng = np.random.default_rng(7)
    yield rng.standard_normal(DIM)
    yield rng.standard_cauchy(DIM) ** 3
    yield np.where(np.arange(DIM) == 11, -2.0, 0.0)
    yield np.full(DIM, 4.0 / 3.0)
    yield 1e-150 * rng.standard_normal(DIM)
    yield 1e120 * rng.standard_normal(DIM)
    yield np.resize([1.0, -1.0, 0.5], DIM)
    yield np.where(np.arange(DIM) == 0, 1.0, 1.0 / (1.0 + np.sqrt(DIM)))


def squared_errors(compressor, v, draws):
    out = np.array([compressor.apply(v, seed=5, number=k)[0] for k in range(draws)])
    return out, ((out / np.abs(v).max() - v / np.abs(v).max()) ** 2).sum(axis=1) / ((v / np.abs(v).max()) ** 2).sum()


def test_every_compressor_is_listed_here():
    assert {member(name).name for name in MEMBERS} == {name for name in Compressor.registry if ".py:" not in name}


RANDOM = ("random_k", "bernoulli", "qsgd", "ternary", "natural")


@DRAWS
@STATED
def test_the_error_stays_within_the_stated_constant(name, draws):
    compressor = member(name)
    delta, omega = compressor.delta(DIM), compressor.omega(DIM)
    assert (delta is None) != (omega is None) or name == "identity", "biased or unbiased, and not both"
    bound = 1 - delta if delta is not None else omega
    for v in vectors():
        _, errors = squared_errors(compressor, v, draws if name.startswith(RANDOM) else 1)
        spread = errors.std() / np.sqrt(len(errors))
        assert errors.mean() <= bound + 4.5 * spread + 1e-12
    assert 0 < compressor.contraction(DIM) <= 1
    assert compressor.contraction(DIM) == (delta or 1 / (1 + (omega or 0)))


@DRAWS
@pytest.mark.parametrize("name", [name for name in MEMBERS if member(name).omega(DIM) is not None])
def test_an_unbiased_compressor_is_unbiased_and_contractive_when_divided(name, draws):
    compressor = member(name)
    omega = compressor.omega(DIM)
    for v in [next(vectors()), [*vectors()][3]]:
        out, _ = squared_errors(compressor, v, 4 * draws)
        # a level that is rarely taken may not occur in the sample: its variance, |v| (level - |v|), is then known better
        spread = np.maximum(out.std(axis=0, ddof=1), np.sqrt(np.abs(v) * np.abs(out).max() / 2)) / np.sqrt(len(out))
        assert np.abs((out.mean(axis=0) - v) / spread).max() < 4.5
        errors = ((out / (1 + omega) - v) ** 2).sum(axis=1) / (v @ v)
        assert errors.mean() <= 1 - 1 / (1 + omega) + 4.5 * errors.std() / np.sqrt(len(errors)) + 1e-12


@STATED
def test_bits_are_those_of_the_table(name):
    compressor, bits = member(name), MEMBERS[name][1]
    for v in vectors():
        found = {compressor.apply(v, number=k, float_bits=B)[1] for k in range(6)}
        assert found <= (bits if isinstance(bits, set) else {bits})


ELIAS = {"name": "qsgd", "levels": 40, "code": "elias_gamma"}
SPECS = [*(spec for spec, _ in MEMBERS.values()), ELIAS, {"name": "bernoulli", "p": 1.0}, {"name": "top_k", "k": 99}]


@pytest.mark.parametrize("width", [16, 32, 64])
@pytest.mark.parametrize("dim", [1, 2, 7, DIM, 100])
@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_the_stated_size_is_that_of_every_vector(spec, dim, width):
    """And where none is stated, vectors really differ in size."""
    if "rows" in str(spec):
        spec = spec | {"rows": dim}
    compressor, rng = Compressor.parse(spec), np.random.default_rng(dim)
    vectors = [np.zeros(dim), *rng.standard_normal((12, dim))]
    found = {compressor.apply(v, number=k, float_bits=width)[1] for k, v in enumerate(vectors)}
    stated = compressor.bits(dim, width)
    assert found == {stated} if stated is not None else len(found) > 1
    assert type(stated) in {int, type(None)}


@STATED
def test_zero_stays_zero(name):
    for number in range(5):
        assert not member(name).apply(np.zeros(DIM), number=number)[0].any()


@STATED
@pytest.mark.parametrize("factor", [0.125, 3.7])
def test_a_homogeneous_compressor_is_homogeneous(name, factor):
    compressor, v = member(name), next(vectors())
    pairs = [(compressor.apply(factor * v, number=k)[0], factor * compressor.apply(v, number=k)[0]) for k in range(8)]
    if compressor.homogeneous:
        for scaled, plain in pairs:
            np.testing.assert_allclose(scaled, plain, rtol=1e-12, atol=1e-14)
    elif factor == 3.7:
        assert any(np.abs(scaled - plain).max() > 0.01 for scaled, plain in pairs)


@STATED
def test_numbers_and_nodes_draw_independently(name):
    compressor, v = member(name), next(vectors())
    numbers = {compressor.apply(v, number=k)[0].tobytes() for k in range(12)}
    nodes = {compressor.apply(v, owner=k)[0].tobytes() for k in range(12)}
    shared = getattr(compressor, "shared_seed", False)
    random = name.startswith(RANDOM)
    assert (len(numbers) > 1) == random
    assert (len(nodes) > 1) == (random and not shared)


@pytest.mark.parametrize("spec", [{"name": "random_k", "k": 5}, {"name": "bernoulli", "p": 0.5}])
def test_with_a_shared_seed_compression_commutes_with_averaging(spec):
    X = np.random.default_rng(2).standard_normal((6, DIM))
    for shared in (True, False):
        compressor = Compressor.parse(spec | {"shared_seed": shared})
        gaps = []
        for number in range(8):
            means = [compressor.apply(x, number=number, owner=i)[0] for i, x in enumerate(X)]
            gaps.append(np.abs(np.mean(means, axis=0) - compressor.apply(X.mean(axis=0), number=number)[0]).max())
        assert (max(gaps) < 1e-14) == shared


@pytest.mark.parametrize(("levels", "bound", "about"), [(1, 10.0, 7.00), (4, 2.5, 1.017), (16, 0.39, 0.0651)])
def test_qsgd_on_a_hundred_gaussian_coordinates(levels, bound, about):
    compressor, rng = Compressor.parse({"name": "qsgd", "levels": levels}), np.random.default_rng(0)
    assert compressor.omega(100) == pytest.approx(bound, rel=0.02)
    found = []
    for k in range(60):
        v = rng.standard_normal(100)
        found.append(((compressor.apply(v, number=k)[0] - v) ** 2).sum() / (v @ v))
    assert np.mean(found) < compressor.omega(100)
    assert np.mean(found) == pytest.approx(about, rel=0.05)


def test_elias_gamma_bits_are_those_of_the_levels():
    v = np.random.default_rng(1).standard_normal(DIM)
    plain = Compressor.parse({"name": "qsgd", "levels": 40})
    coded = Compressor.parse({"name": "qsgd", "levels": 40, "code": "elias_gamma"})
    out, bits = coded.apply(v)
    np.testing.assert_array_equal(out, plain.apply(v)[0])
    levels = np.rint(np.abs(out) / np.linalg.norm(v) * 40).astype(int)
    assert bits == B + sum(2 * ((level + 1).bit_length() - 1) + 1 + (level > 0) for level in levels.tolist())
    assert coded.apply(np.zeros(DIM))[1] == B + DIM


def test_natural_compression_is_worst_at_four_thirds_and_exact_on_powers():
    natural = Compressor.parse("natural")
    for v in (1.0, -0.25, 2.0**-1040, 2.0**1000):
        assert natural.apply(np.full(3, v))[0].tolist() == [v] * 3
    # two outcomes with known chances: the exact variance is (v - low)(high - v), and 1/8 of v^2 at 4/3
    for v, worst in ((4 / 3, 1 / 8), (1.5, 1 / 9), (1.1, 0.9 * 0.1 / 1.21)):
        out, errors = squared_errors(natural, np.full(DIM, v), 100)
        assert set(out.ravel()) == {1.0, 2.0}
        assert errors.mean() == pytest.approx(worst, abs=5 * errors.std() / np.sqrt(100))
        assert (v - 1) * (2 - v) / v**2 == pytest.approx(worst, rel=1e-12)
        assert worst <= natural.omega(DIM) + 1e-15
    assert natural.apply(np.ones(3), float_bits=64)[1] == 36


def test_the_worst_vector_of_ternary_reaches_its_constant():
    v = [*vectors()][-1]
    exact = (np.abs(v).max() * np.abs(v).sum() - v @ v) / (v @ v)
    assert exact == pytest.approx(Compressor.parse("ternary").omega(DIM), rel=1e-12)


def test_scaled_sign_contracts_by_its_own_delta():
    for v in [*vectors()][:2]:
        out, _ = Compressor.parse("scaled_sign").apply(v)
        delta = np.abs(v).sum() ** 2 / (DIM * (v @ v))
        assert ((out - v) ** 2).sum() == pytest.approx((1 - delta) * (v @ v), rel=1e-12)
    rng = np.random.default_rng(3)
    v = rng.standard_normal(20000)
    assert np.abs(v).sum() ** 2 / (len(v) * (v @ v)) == pytest.approx(2 / np.pi, rel=0.02)


@pytest.mark.parametrize(("rank", "rows"), [(1, None), (2, None), (3, None), (2, 8), (1, 3), (5, 4), (1, 1)])
def test_low_rank_is_the_truncated_singular_value_decomposition(rank, rows):
    compressor = Compressor.parse({"name": "low_rank", "rank": rank} | ({"rows": rows} if rows else {}))
    rng = np.random.default_rng(4)
    for v in (rng.standard_normal(DIM), np.outer(rng.standard_normal(4), rng.standard_normal(6)).ravel(), np.ones(DIM)):
        a, b = compressor.shape(DIM)
        u, s, vt = np.linalg.svd(v.reshape(a, b), full_matrices=False)
        s[rank:] = 0.0
        np.testing.assert_allclose(compressor.apply(v)[0].reshape(a, b), u * s @ vt, rtol=0, atol=1e-12)
    with pytest.raises(gs.ScenarioError, match="divide"):
        Compressor.parse({"name": "low_rank", "rank": 1, "rows": 5}).delta(DIM)


@pytest.mark.parametrize("d", [1, 2, 7])
@STATED
def test_short_vectors_are_fine(name, d):
    compressor = member(name)
    if name == "low_rank_tall":
        compressor = Compressor.parse({"name": "low_rank", "rank": 1, "rows": d})
    v = np.arange(1.0, d + 1.0)
    for number in range(10):
        out, bits = compressor.apply(v, number=number)
        assert np.isfinite(out).all()
        assert bits >= 0
    assert 0 < compressor.contraction(d) <= 1


def scenario(spec, rounds):
    return gs.Scenario.parse(
        {
            "seed": 2,
            "topology": {"name": "cycle", "n": 4},
            "problem": {"name": "quadratic", "dim": 12},
            "method": {"name": "choco_gossip", "gamma": 0.2},
            "compressor": spec,
            "run": {"rounds": rounds},
            "record": {"points": 2, "metrics": ["error"]},
        }
    )


def assert_engines_agree(spec, monkeypatch, rounds=25):
    fast = gs.simulate(scenario(spec, rounds), engine="compiled")
    calls = gs.simulate(scenario(spec, rounds), engine="processes")
    monkeypatch.setattr(processes, "_verbs", InterpretedVerbs)
    plain = gs.simulate(scenario(spec, rounds), engine="processes")
    for other in (calls, plain):
        for name in ("x", "x_hat", "pull"):
            assert fast.final[name].tobytes() == other.final[name].tobytes(), name
        np.testing.assert_array_equal(fast.columns["bits"], other.columns["bits"])


@pytest.mark.slow
@pytest.mark.needs_compiler
def test_both_engines_and_plain_python_compress_alike(monkeypatch):
    assert_engines_agree({"name": "qsgd", "levels": 3, "code": "elias_gamma"}, monkeypatch)


@pytest.mark.slow
@pytest.mark.needs_compiler
@pytest.mark.parametrize("name", ["random_k", "bernoulli", "natural", "chunked_top_k", "low_rank_tall"])
def test_both_engines_and_plain_python_compress_alike_for_many_compressors(name, monkeypatch):
    spec = MEMBERS[name][0]
    if name == "low_rank_tall":
        spec = spec | {"rows": 6}
    assert_engines_agree(spec, monkeypatch)
