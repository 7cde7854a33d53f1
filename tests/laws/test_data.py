"""Data sets and files: read right, or refused in one sentence that names the place."""

import io
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gossipsim.errors import ScenarioError
from gossipsim.problems import Problem, files
from gossipsim.problems.data import scale

LINEAR, LOGISTIC = "linear_regression", "logistic_regression"


def rng(seed=0):
    return np.random.default_rng(seed)


def build(spec, n=4, base=None, seed=1):
    return Problem.parse(spec, base=base).build(n, seed)


def refused(spec, n=4, base=None):
    with pytest.raises(ScenarioError) as caught:
        build(spec, n, base)
    assert "\n" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize(
    ("dataset", "N", "d"),
    [("breast_cancer", 569, 30), ("diabetes", 442, 10), ("digits", 1797, 64), ("iris", 150, 4), ("wine", 178, 13)],
)
def test_shipped_sets_are_standardized(dataset, N, d):
    f = build({"name": LINEAR, "dataset": dataset, "intercept": True})
    assert f.samples.a.shape == (N, d + 1)
    columns = f.samples.a[:, :d]
    np.testing.assert_allclose(columns.mean(axis=0), 0.0, atol=1e-13)
    spread = columns.std(axis=0)
    assert ((np.abs(spread - 1) < 1e-12) | (columns == 0).all(axis=0)).all()
    assert (f.samples.a[:, d] == 1).all()


def test_every_sample_is_used_once():
    f = build({"name": LINEAR, "dataset": "diabetes", "features": "raw", "partition": {"name": "iid", "skew": 1.0}})
    whole = build({"name": LINEAR, "dataset": "diabetes", "features": "raw"}, n=1)
    assert pooled(f) == pooled(whole)
    assert len(set(f.counts.tolist())) == 4


def test_classes():
    by_number = build({"name": LOGISTIC, "dataset": "iris", "positive": 2})
    by_name = build({"name": LOGISTIC, "dataset": "iris", "positive": "virginica"})
    assert by_number.samples.tobytes() == by_name.samples.tobytes()
    assert (by_number.samples.b == 1).sum() == 50
    cancer = build({"name": LOGISTIC, "dataset": "breast_cancer"})
    assert np.unique(cancer.samples.b, return_counts=True)[1].tolist() == [212, 357]


def test_sorted_partition_sees_the_original_classes():
    f = build({"name": LOGISTIC, "dataset": "iris", "positive": 1, "partition": "sorted"}, n=3)
    assert [np.unique(f.shard(i).b).tolist() for i in range(3)] == [[-1.0], [1.0], [-1.0]]


def test_cap():
    f = build({"name": LINEAR, "dataset": "digits", "samples": 100})
    assert len(f.samples) == 100
    assert refused({"name": LINEAR, "synthetic": {}, "samples": 10}).key == ("samples",)


def test_synthetic_data_can_be_dealt_again():
    own = build({"name": LINEAR, "synthetic": {"samples": 10}})
    dealt = build({"name": LINEAR, "synthetic": {"samples": 10}, "partition": "sorted"})
    assert sorted(own.samples.b.tolist()) == dealt.samples.b.tolist()


@settings(max_examples=50, deadline=None)
@given(size=st.integers(-300, 300), shift=st.floats(-100, 100))
def test_standardize_is_safe_for_any_magnitude(size, shift):
    data = np.stack([(rng().standard_normal(20) + shift) * 10.0**size, np.full(20, 10.0**size)], axis=1)
    out = scale(data, "standardize")
    assert (out[:, 1] == 0).all()
    np.testing.assert_allclose([out[:, 0].mean(), out[:, 0].std()], [0, 1], atol=1e-12)


def test_unit_rows():
    f = build({"name": LINEAR, "dataset": "wine", "features": "unit"})
    assert np.linalg.norm(f.samples.a, axis=1).max() <= 1 + 1e-15


FEATURES, TARGETS = rng(1).standard_normal((4, 6, 3)), rng(2).standard_normal((4, 6))


def pooled(f):
    return sorted(np.column_stack([f.samples.a, f.samples.b]).tolist())


@pytest.fixture
def flat(tmp_path):
    """The same flat data in every format."""
    data, labels = FEATURES.reshape(24, 3), TARGETS.reshape(24)
    frame = pd.DataFrame(data, columns=["u", "v", "w"])
    frame["y"] = labels
    np.savez(tmp_path / "d.npz", data=data, labels=labels)
    frame.to_csv(tmp_path / "d.csv", index=False, float_format="%.17g")
    frame.to_csv(tmp_path / "bare.csv", index=False, header=False, float_format="%.17g")
    frame[["y", "u", "v", "w"]].to_parquet(tmp_path / "d.parquet")
    lines = [
        f"{b!r} " + " ".join(f"{k + 1}:{a!r}" for k, a in enumerate(row))
        for row, b in zip(data.tolist(), labels.tolist(), strict=True)
    ]
    (tmp_path / "d.libsvm").write_text("\n".join(lines))
    (tmp_path / "plain").write_text("\n".join(lines))
    return tmp_path


@pytest.mark.parametrize(
    "spec",
    [
        {"file": "d.npz"},
        {"file": "d.csv"},
        {"file": "d.csv", "target": "y"},
        {"file": "bare.csv"},
        {"file": "d.parquet", "target": "y"},
        {"file": "d.libsvm"},
        {"file": "plain"},
    ],
    ids=str,
)
def test_formats_agree(flat, spec):
    f = build({"name": LINEAR, **spec}, base=flat)
    expected = sorted(np.column_stack([FEATURES.reshape(24, 3), TARGETS.reshape(24)]).tolist())
    np.testing.assert_allclose(pooled(f), expected, rtol=1e-15)


def test_blocks_stay_with_their_nodes(tmp_path):
    np.savez(tmp_path / "b.npz", data=FEATURES, labels=TARGETS)
    shards = {f"data_{i}": FEATURES[i] for i in range(4)} | {f"labels_{i}": TARGETS[i] for i in range(4)}
    np.savez(tmp_path / "s.npz", **shards)
    for name in ("b.npz", "s.npz"):
        f = build({"name": LINEAR, "file": name}, base=tmp_path)
        assert f.first.tolist() == [0, 6, 12, 18, 24]
        assert (f.samples.a == FEATURES.reshape(24, 3)).all()
        assert (f.samples.b == TARGETS.reshape(24)).all()
        fault = refused({"name": LINEAR, "file": name}, n=5, base=tmp_path)
        assert str(fault) == f"file: {name} holds blocks for 4 nodes but the topology has 5"
        assert refused({"name": LINEAR, "file": name, "partition": "iid"}, base=tmp_path).key == ("partition",)


def damaged(**changes):
    content = {"data": FEATURES.copy(), "labels": TARGETS.copy()} | changes
    return {name: value for name, value in content.items() if value is not None}


def spoiled(array, place, value):
    out = array.copy()
    out[place] = value
    return out


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (damaged(data=spoiled(FEATURES, (2, 1, 0), np.nan)), "data[2, 1, 0] in f.npz is nan"),
        (damaged(labels=spoiled(TARGETS, (3, 5), np.inf)), "labels[3, 5] in f.npz is inf"),
        (damaged(labels=TARGETS[:3]), "labels in f.npz has shape (3, 6), but data has shape (4, 6, 3)"),
        (damaged(labels=None), "f.npz has no array 'labels'"),
        (damaged(data=None), "f.npz has no array 'data'"),
        (damaged(data=None, date=FEATURES), "did you mean 'date'?"),
        (damaged(data=FEATURES[0, 0]), "expected 2 axes"),
        (damaged(data=FEATURES[:, :0], labels=TARGETS[:, :0]), "data in f.npz is empty"),
        (damaged(data=FEATURES.astype(str)), "not numbers"),
        (damaged(data=FEATURES.astype(complex)), "holds complex128, not numbers"),
        (damaged(data=np.array([{}, 1], dtype=object)), "pickled objects, which are never loaded"),
        ({"data_0": FEATURES[0], "labels_0": TARGETS[0], "labels_1": TARGETS[1]}, "no array 'data_1'"),
        ({"data_0": FEATURES[0], "labels_0": TARGETS[0], "data_9999999": TARGETS}, "no array 'data_1'"),
        ({"data_0": FEATURES[0], "labels_0": TARGETS[0, 1:]}, "labels_0 in f.npz has 5 entries"),
        (
            {"data_0": FEATURES[0], "labels_0": TARGETS[0], "data_1": FEATURES[1, :, 1:], "labels_1": TARGETS[1]},
            "data_1 in f.npz has 2 columns, but data_0 has 3",
        ),
        ({}, "no array 'data'"),
    ],
)
def test_damaged_npz(tmp_path, content, said):
    np.savez(tmp_path / "f.npz", **content)
    fault = refused({"name": LINEAR, "file": "f.npz"}, base=tmp_path)
    assert fault.key == ("file",)
    assert said in str(fault)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("f.csv", "a,b\n1,2\n3,x\n", "column 'b' of f.csv is not numeric: row 1 holds 'x'"),
        ("f.csv", "a,b\n1,2\n,4\n", "column 'a' of f.csv has no value in row 1"),
        ("f.csv", "a,b\n1,2\n3,inf\n", "column 'b' of f.csv is inf in row 1"),
        ("f.csv", "a,b\n", "0 rows"),
        ("f.csv", "a\n1\n2\n", "1 columns"),
        ("f.csv", "a,b\n1,2\n1,2,3,4\n", "cannot be read as csv"),
        ("f.csv", b"\xff\xfe\x00\x01\x02\x00\xff", "cannot be read as csv"),
        ("f.csv", b"\n\n", "cannot be read as csv"),
        ("f.csv", "", "f.csv is empty"),
        ("f.parquet", b"PAR1 nonsense", "cannot be read as parquet"),
        ("f.libsvm", "1 1:0.5\n2 x\n", "cannot be read as libsvm"),
        ("f.libsvm", "1 1:0.5 999999999:1\n" * 9, "numbers"),
        ("f.libsvm", b"\x00\x01\x02\xff", "cannot be read as libsvm"),
        ("f.npz", b"PK\x03\x04 no archive", "not an npz file"),
        ("f.xlsx", "1", "unknown format '.xlsx'; allowed: .npz"),
    ],
)
def test_damaged_text(tmp_path, name, content, said):
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    fault = refused({"name": LINEAR, "file": name}, n=2, base=tmp_path)
    assert fault.key == ("file",)
    assert said in str(fault)


def test_a_label_column_of_words_holds_classes(tmp_path):
    (tmp_path / "f.csv").write_text("a,kind\n1,pear\n2,apple\n3,fig\n4,pear\n")
    pears = build({"name": LOGISTIC, "file": "f.csv", "positive": "pear"}, n=1, base=tmp_path)
    assert dict(zip(pears.samples.a.ravel(), pears.samples.b, strict=True)) == {1: 1, 2: -1, 3: -1, 4: 1}
    assert "one of apple, fig, pear" in str(refused({"name": LOGISTIC, "file": "f.csv"}, n=1, base=tmp_path))
    fault = refused({"name": LOGISTIC, "file": "f.csv", "positive": "peer"}, n=1, base=tmp_path)
    assert (fault.key, fault.hint) == (("positive",), "pear")
    assert refused({"name": LINEAR, "file": "f.csv"}, n=1, base=tmp_path).key == ("target",)


def test_absent_file(tmp_path):
    (tmp_path / "data.csv").write_text("a,b\n1,2\n")
    fault = refused({"name": LINEAR, "file": "data.cvs", "target": "b"}, base=tmp_path)
    assert (fault.key, fault.hint) == (("file",), "data.csv")
    assert "no file 'nothing.npz'" in str(refused({"name": LINEAR, "file": "nothing.npz"}, base=tmp_path))
    (tmp_path / "folder.npz").mkdir()
    assert "it is a folder" in str(refused({"name": LINEAR, "file": "folder.npz"}, base=tmp_path))


@settings(max_examples=120, deadline=None)
@given(cut=st.integers(0, 3000), flips=st.lists(st.tuples(st.integers(0, 3000), st.integers(1, 255)), max_size=3))
def test_corrupt_archives_never_escape(tmp_path_factory, cut, flips):
    buffer = io.BytesIO()
    np.savez(buffer, data=FEATURES, labels=TARGETS)
    content = bytearray(buffer.getvalue())
    for place, mask in flips:
        content[place % len(content)] ^= mask
    if cut % 2:
        content = content[: cut % len(content)]
    path = tmp_path_factory.mktemp("corrupt") / "f.npz"
    path.write_bytes(bytes(content))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            table = files.read(path)
        except ScenarioError as fault:
            assert fault.key == ("file",)  # noqa: PT017
        else:
            assert np.isfinite(table.data).all()


@pytest.mark.parametrize(
    ("spec", "key", "said"),
    [
        ({"name": LINEAR}, (), "no data are given; allowed: exactly one of dataset, file, synthetic"),
        ({"name": LINEAR, "dataset": "iris", "synthetic": {}}, ("synthetic",), "from dataset and synthetic"),
        ({"name": LINEAR, "dataset": "irs"}, ("dataset",), "did you mean 'iris'?"),
        ({"name": LINEAR, "dataset": "iris", "target": "y"}, ("target",), "no named columns"),
        ({"name": LINEAR, "dataset": "iris", "partition": "dirchlet"}, ("partition", "name"), "'dirichlet'"),
        ({"name": LINEAR, "dataset": "iris", "partition": {"name": "dirichlet"}}, ("partition",), "alpha"),
        ({"name": LINEAR, "dataset": "iris", "l2": -1.0}, ("l2",), "-1.0"),
        ({"name": LOGISTIC, "dataset": "iris"}, ("dataset",), "labels[100] is 2, and there are 3 distinct labels"),
        ({"name": LOGISTIC, "dataset": "diabetes"}, ("dataset",), "214 distinct labels"),
        (
            {"name": LOGISTIC, "dataset": "iris", "positive": 7},
            ("positive",),
            "no sample has the label 7; allowed: 0, 1, 2",
        ),
        ({"name": LOGISTIC, "dataset": "iris", "positive": "virginca"}, ("positive",), "did you mean 'virginica'?"),
    ],
)
def test_contradictions(spec, key, said):
    fault = refused(spec)
    assert fault.key == key
    assert said in str(fault)


def test_more_nodes_than_samples():
    fault = refused({"name": LINEAR, "dataset": "iris"}, n=151)
    assert (fault.key, fault.message) == (("dataset",), "150 samples cannot be dealt to 151 nodes")
    fault = refused({"name": LINEAR, "dataset": "iris", "samples": 20}, n=30)
    assert fault.message == "20 samples cannot be dealt to 30 nodes"
    fault = refused({"name": LINEAR, "dataset": "iris", "partition": "shards"}, n=100)
    assert fault.key == ("partition", "per_node")


def test_labels_of_files(tmp_path):
    np.savez(tmp_path / "zero_one.npz", data=FEATURES, labels=(TARGETS > 0).astype(int))
    f = build({"name": LOGISTIC, "file": "zero_one.npz"}, base=tmp_path)
    assert (f.samples.b == np.where(TARGETS > 0, 1.0, -1.0).reshape(24)).all()
    labels = np.where(TARGETS > 0, 1, -1)
    labels[1, 2] = 2
    np.savez(tmp_path / "three.npz", data=FEATURES, labels=labels)
    fault = refused({"name": LOGISTIC, "file": "three.npz"}, base=tmp_path)
    assert fault.key == ("file",)
    assert "labels[1, 2] is 2" in str(fault)


def test_target_column(flat):
    fault = refused({"name": LINEAR, "file": "d.csv", "target": "yy"}, base=flat)
    assert fault.key == ("target",)
    assert "did you mean 'y'?" in str(fault)
    f = build({"name": LINEAR, "file": "d.csv", "target": "u"}, n=1, base=flat)
    assert sorted(f.samples.b.tolist()) == pytest.approx(sorted(FEATURES[..., 0].ravel().tolist()))
