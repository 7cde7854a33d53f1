"""Where the samples of a regression come from, and how they reach the nodes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from gossipsim.component import InputFile, Seed
from gossipsim.errors import ScenarioError, nearest, shown
from gossipsim.family import Member
from gossipsim.problems import files
from gossipsim.problems.base import Problem, Rows
from gossipsim.problems.files import Table
from gossipsim.problems.partition import Iid, Partition
from gossipsim.problems.synthetic import Synthetic, stream
from gossipsim.stream import generator

Vector = NDArray[np.float64]

Dataset = Literal["breast_cancer", "diabetes", "digits", "iris", "wine"]
Scaling = Literal["standardize", "unit", "raw"]
SOURCES = "exactly one of dataset, file, synthetic"


@dataclass(frozen=True, eq=False)
class Samples:
    """Samples in the order of the nodes: features `(N, d)`, labels `(N,)`, starts `(n + 1,)`, and both as rows if they are."""

    data: Vector
    labels: Vector
    first: NDArray[np.int64]
    rows: Rows | None = None


class DataProblem(Problem):
    """A problem whose local functions are sums over samples.

    Parameters
    ----------
    dataset : str, optional
        One of scikit-learn's shipped sets.
    file : path, optional
        See `gossipsim.problems.files.read`.
    synthetic : mapping, optional
        Options of the generator; `{}` takes its defaults.
    target : str, optional
        Label column of a CSV or Parquet file, by default the last.
    partition : Partition, optional
        How samples are dealt to nodes; iid by default for flat data. Synthetic data stay on the node that drew them
        unless a partition is given; files with one block per node admit none.
    features : {"standardize", "unit", "raw"}, optional
        `standardize` shifts and scales every column to mean 0 and standard deviation 1 over all nodes (constant
        columns become 0), `unit` divides rows longer than 1 by their norm. Default: standardize for datasets.
    intercept : bool
        Append a column of ones, after scaling.
    samples : int, optional
        Keep this many samples of flat data, drawn at random.
    data_seed : int, optional
        Seed of generator, cap and partition; the scenario's seed by default.
    """

    dataset: Dataset | None = None
    file: InputFile | None = None
    synthetic: Synthetic | None = None
    target: str | None = None
    partition: Annotated[Partition, Member] | None = None
    features: Scaling | None = None
    intercept: bool = False
    samples: Annotated[int, Field(ge=1)] | None = None
    data_seed: Seed | None = None

    def load(self, n: int, seed: int) -> Samples:
        """Return the samples of `n` nodes.

        Raises
        ------
        ScenarioError
            Not exactly one source, an unusable file, too few samples, or options that contradict the source.
        """
        table = self._source(n, seed)
        seed = seed if self.data_seed is None else self.data_seed
        blocks = table.first is not None
        if self.file is not None and blocks:
            self._refuse_blocks(table, n)
        if self.samples is not None and blocks:
            raise ScenarioError("a cap needs flat data, these come in one block per node", key=("samples",))
        data, raw, labels = table.data, table.labels, self.label(table)
        if self.samples is not None and self.samples < len(raw):
            kept = np.sort(generator(seed, "problem", "samples").permutation(len(raw))[: self.samples])
            data, raw, labels = data[kept], raw[kept], labels[kept]
        first = table.first
        if first is None or self.partition is not None:
            if len(raw) < n:
                raise ScenarioError(f"{len(raw)} samples cannot be dealt to {n} nodes", key=(self.source,))
            partition = Iid() if self.partition is None else self.partition
            try:
                order, first = partition.split(raw, n, generator(seed, "problem", "partition"))
            except ScenarioError as fault:
                raise fault.under("partition") from None
            data, labels = data[order], labels[order]
        scaled = scale(data, self.features or ("raw" if self.dataset is None else "standardize"))
        if self.intercept:
            scaled = np.concatenate([scaled, np.ones((len(scaled), 1))], axis=1)
        untouched = scaled is table.data and labels is table.labels and first is table.first
        return Samples(scaled, labels, first, table.rows if untouched else None)

    def label(self, table: Table) -> Vector:
        """Return the labels that the loss takes, `(N,)`."""
        if self.file is not None and table.classes:
            what = f"the labels are classes, such as {shown(table.classes[0])}"
            raise ScenarioError(what, key=("target",), allowed="a column of numbers, or a problem of classification")
        return table.labels

    @property
    def source(self) -> str:
        """Key of the source of the data."""
        return "dataset" if self.dataset is not None else "file" if self.file is not None else "synthetic"

    def _source(self, n: int, seed: int) -> Table:
        given = [key for key in ("dataset", "file", "synthetic") if getattr(self, key) is not None]
        if len(given) != 1:
            message = f"the data come from {' and '.join(given)}" if given else "no data are given"
            raise ScenarioError(message, key=(given[1],) if given else (), allowed=SOURCES)
        if self.target is not None and self.file is None:
            raise ScenarioError(f"{given[0]} has no named columns", key=("target",), allowed="target with a file")
        if self.file is not None:
            return files.read(self.file, self.target)
        if self.synthetic is not None:
            return self.synthetic.generate(n, stream(self, seed))
        return shipped(str(self.dataset))

    def _refuse_blocks(self, table: Table, n: int) -> None:
        assert self.file is not None
        assert table.first is not None
        if len(table.first) - 1 != n:
            raise ScenarioError(
                f"{self.file.name} holds blocks for {len(table.first) - 1} nodes but the topology has {n}",
                key=("file",),
            )
        if self.partition is not None:
            raise ScenarioError(
                f"{self.file.name} already holds one block per node", key=("partition",), allowed="no partition"
            )


def shipped(name: str) -> Table:
    """Return one of scikit-learn's shipped data sets.

    Examples
    --------
    >>> table = shipped("iris")
    >>> table.data.shape, table.classes
    ((150, 4), ('setosa', 'versicolor', 'virginica'))
    """
    import sklearn.datasets

    bunch = getattr(sklearn.datasets, f"load_{name}")()
    data, labels = np.asarray(bunch.data, dtype=np.float64), np.asarray(bunch.target, dtype=np.float64)
    classes = tuple(str(each) for each in getattr(bunch, "target_names", []))
    return Table(np.ascontiguousarray(data), labels, classes=classes)


def scale(data: Vector, how: Scaling) -> Vector:
    """Return scaled features `(N, d)`.

    Examples
    --------
    >>> scale(np.array([[1.0, 5.0], [3.0, 5.0]]), "standardize").tolist()
    [[-1.0, 0.0], [1.0, 0.0]]
    >>> scale(np.array([[3.0, 4.0], [0.3, 0.4]]), "unit").tolist()
    [[0.6, 0.8], [0.3, 0.4]]
    """
    if how == "raw":
        return data
    if how == "unit":
        out: Vector = data / np.maximum(1.0, np.linalg.norm(data, axis=1))[:, None]
        return out
    constant = data.min(axis=0) == data.max(axis=0)
    # A power of two takes the size out exactly, so that no square overflows or underflows.
    centred = np.ldexp(data, -np.frexp(np.abs(data).max(axis=0))[1])
    centred -= centred.mean(axis=0)
    deviation = np.sqrt(np.mean(centred**2, axis=0))
    constant |= deviation == 0.0
    return np.where(constant, 0.0, centred / np.where(constant, 1.0, deviation))


def signs(table: Table, positive: int | float | str | None, source: str) -> Vector:
    """Return labels -1 and +1.

    Parameters
    ----------
    table : Table
        Samples. Without `positive` the labels must be -1 and +1, or 0 and 1, where 0 becomes -1.
    positive : number or str, optional
        The class that becomes +1, by its number or name; all others become -1.
    source : str
        Key that a complaint about the labels names.

    Raises
    ------
    ScenarioError
        Other labels without `positive`, or no sample of the class `positive`.

    Examples
    --------
    >>> table = Table(np.zeros((3, 1)), np.array([0.0, 1.0, 2.0]), classes=("a", "b", "c"))
    >>> signs(table, "c", "dataset").tolist()
    [-1.0, -1.0, 1.0]
    """
    raw, names = table.labels, table.classes
    if positive is None:
        for low in (-1.0, 0.0):
            if np.isin(raw, [low, 1.0]).all():
                return np.where(raw == 1.0, 1.0, -1.0)
        distinct = np.unique(raw)
        odd = ~np.isin(raw, [-1.0, 0.0, 1.0])
        wrong = int(np.argmax(odd if odd.any() else raw == 0.0))
        message = f"{table.place(wrong)} is {raw[wrong]:g}, and there are {len(distinct)} distinct labels"
        which = f", one of {', '.join(names[:20])}" if names else ""
        allowed = f"labels -1 and +1, or 0 and 1, or positive: the class +1{which}"
        raise ScenarioError(message, key=(source,), allowed=allowed)
    chosen = positive
    if isinstance(positive, str):
        if positive not in names:
            allowed = ", ".join(names) or "a number"
            message = f"no class {shown(positive)}"
            raise ScenarioError(message, key=("positive",), allowed=allowed, hint=nearest(positive, names))
        chosen = names.index(positive)
    if not (raw == chosen).any():
        shown_classes = ", ".join(f"{each:g}" for each in np.unique(raw)[:20])
        raise ScenarioError(f"no sample has the label {positive!r}", key=("positive",), allowed=shown_classes)
    return np.where(raw == chosen, 1.0, -1.0)
