"""Lifted kernels do what NumPy does: random programs, and the shapes of code that methods are written in."""

import ast
import gc
import math
import sys
from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from gossipsim.kernels import Kernel, dot, norm, total
from gossipsim.kinds import VECTOR, VECTORS, Row
from gossipsim.lift import Unclear, lift

DIM = 5
FIELDS = {"x": "vector", "y": "vector", "c": "scalar"}
SPACE = {
    "np": np, "math": math, "_D": DIM, "_D4": 4, "_zero": 0, "_one": 1, "_two": 2, "_three": 3, "_four": 4,
    "_empty": np.empty, "_sqrt": math.sqrt, "dot": dot, "norm": norm, "total": total,
}  # fmt: skip
KINDS = {"p": Row({"a": "scalar", "b": "scalar"}), "node": Row(FIELDS), "g": VECTOR, "out": VECTOR, "inbox": VECTORS}


def both(body, kinds=KINDS):
    """Return the function as written and as lifted."""
    source = "def f(p, node, g, out, inbox):\n" + "\n".join("    " + line for line in body)
    kernel = Kernel(len)
    kernel.__dict__["tree"] = ast.parse(source).body[0]
    plain, lifted = dict(SPACE), dict(SPACE)
    exec(source, plain)
    tree = ast.Module([lift(kernel, kinds)], [])
    text = ast.unparse(ast.fix_missing_locations(tree))
    exec(text, lifted)
    return plain["f"], lifted["f"], text


def arguments(seed):
    rng = np.random.default_rng(seed)
    node = np.zeros(1, [("x", "f8", DIM), ("y", "f8", DIM), ("c", "f8")]).view(np.recarray)
    p = np.zeros(1, [("a", "f8"), ("b", "f8")]).view(np.recarray)
    node.x[:], node.y[:], node.c = rng.normal(size=DIM), rng.normal(size=DIM), rng.normal()
    p.a, p.b = rng.normal(size=2)
    return p[0], node[0], rng.normal(size=DIM), rng.normal(size=DIM), rng.normal(size=(3, DIM))


def assert_same(body, seed=0, exact=True):
    try:
        plain, lifted, text = both(body)
    except Unclear:
        reject()
    a, b = arguments(seed), arguments(seed)
    answers = plain(*a), lifted(*b)
    assert answers[0] == answers[1] or answers[0] == pytest.approx(answers[1], rel=1e-12)
    for one, other in zip(a[1:], b[1:], strict=True):
        parts = [(one[k], other[k]) for k in FIELDS] if one is a[1] else [(one, other)]
        for u, v in parts:
            if exact:
                assert np.asarray(u).tobytes() == np.asarray(v).tobytes(), text
            else:
                np.testing.assert_allclose(u, v, rtol=1e-10, atol=1e-12, err_msg=text)


VECTORS_AT_HAND = ["node.x", "node.y", "g", "out", "inbox[1]", "u", "v"]
SCALARS_AT_HAND = ["p.a", "p.b", "node.c", "0.5", "s", "g[2]"]


@st.composite
def expressions(draw, depth=2):
    kind = draw(st.sampled_from(["vector", "scale", "add", "sub", "abs", "where", "neg"])) if depth else "vector"
    if kind == "vector":
        return draw(st.sampled_from(VECTORS_AT_HAND))
    inner = draw(expressions(depth=depth - 1))
    other = draw(expressions(depth=depth - 1))
    scalar = draw(st.sampled_from(SCALARS_AT_HAND))
    return {
        "scale": f"{scalar} * ({inner})",
        "add": f"({inner}) + {other}",
        "sub": f"({inner}) - ({other}) * ({scalar} + p.a)",
        "abs": f"np.abs({inner})",
        "where": f"np.where(({inner}) > {scalar}, {other}, {inner})",
        "neg": f"-({inner})",
    }[kind]


@st.composite
def statements(draw):
    vector = draw(expressions())
    return draw(
        st.sampled_from(
            [
                [f"node.x[:] = {vector}"],
                [f"node.y = {vector}"],
                [f"out[:] = {vector}"],
                [f"out += {vector}"],
                [f"node.x -= {vector}"],
                [f"u = 1.0 * {vector}"],
                [f"v = {vector} + g"],
                ["u -= g"],
                ["s = p.a * 2.0 + s"],
                ["s = g[1] - node.c"],
                [f"node.c = {draw(st.sampled_from(SCALARS_AT_HAND))}"],
                ["if s > 0.0:", f"    out[:] = {vector}", "else:", "    u = g + out"],
                ["for k in range(2):", f"    node.y[:] = 0.5 * inbox[k] + {vector}", "    s = s + 0.25"],
            ]
        )
    )


@settings(max_examples=120, deadline=None)
@given(st.lists(statements(), min_size=1, max_size=7), st.integers(0, 99))
def test_any_program_gives_the_same_bytes(program, seed):
    body = ["u = g + node.x", "v = 0.5 * out", "s = p.b"] + [line for statement in program for line in statement]
    with np.errstate(all="ignore"):
        assert_same([*body, "return s"], seed)


@settings(max_examples=100, deadline=None)
@given(st.lists(statements(), min_size=1, max_size=4), st.sampled_from(["dot(u, node.x - g)", "norm(out)", "total(v)"]))
def test_reductions_agree_up_to_rounding(program, reduction):
    body = ["u = g + node.x", "v = 0.5 * out", "s = p.b"] + [line for statement in program for line in statement]
    body += [f"s = {reduction} / (1.0 + norm(g))", "node.x[:] = node.x - s * u", f"return 2.0 * {reduction}"]
    with np.errstate(all="ignore"):
        assert_same(body, exact=False)


def test_neighbouring_statements_share_one_loop():
    text = both(["r = g - p.a * node.x", "node.x[:] = node.x - p.b * r", "node.y[:] = node.y + r"])[2]
    assert text.count("for ") == 1
    assert "_empty" not in text


def test_a_scalar_in_between_does_not_split_the_loop():
    text = both(["r = g - node.x", "w = p.a * 2.0", "node.x[:] = node.x - w * r"])[2]
    assert text.count("for ") == 1


@pytest.mark.parametrize(
    "body",
    [
        ["u = node.x", "u = g + node.x"],
        ["u = g + node.x", "u = node.x"],
        ["u = g + node.x", "w = u", "u -= g"],
        ["g = g - node.x"],
        ["u = g + node.x", "u = np.sort(u)"],
    ],
)
def test_names_that_change_their_meaning_are_refused(body):
    with pytest.raises(Unclear, match="name"):
        both(body)


def test_what_cannot_be_lifted_is_left_as_numpy():
    assert_same(["node.x[:] = np.sort(g)", "node.y[1:] = g[1:]"])


def test_a_kernel_without_source_says_so():
    with pytest.raises((OSError, TypeError)):
        _ = Kernel(len).tree


def test_threads_may_lift_at_once():
    """Where collections of garbage let threads switch in the middle of a parse, the parser of Python 3.11 would stumble."""
    kernel = Kernel(len)
    body = [f"a[:] = a + dot(a, b) * b - {k}" for k in range(20)]
    kernel.tree = ast.parse("def f(a, b):\n" + "\n".join(f"    {line}" for line in body)).body[0]
    interval, threshold = sys.getswitchinterval(), gc.get_threshold()
    gc.callbacks.append(lambda *_: sum(range(300)))
    try:
        sys.setswitchinterval(1e-6)
        gc.set_threshold(50)
        with ThreadPoolExecutor(4) as pool:
            compiled = [pool.submit(numba.njit(lambda x, k=k: x + k), 1.0) for k in range(2)]  # Numba parses too
            texts = list(pool.map(lambda _: ast.unparse(lift(kernel, {"a": VECTOR, "b": VECTOR})), range(12)))
            assert [each.result() for each in compiled] == [1.0, 2.0]
    finally:
        gc.callbacks.pop()
        gc.set_threshold(*threshold)
        sys.setswitchinterval(interval)
    assert len(set(texts)) == 1
