"""Weights of synchronous averaging x <- W x: closed rules, and the two optima with proofs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from gossipsim.arrays import Floats, frozen
from gossipsim.errors import Refused, ScenarioError, nearest, shown
from gossipsim.graph import Graph
from gossipsim.optimal.program import as_graph
from gossipsim.spectral import spectrum

if TYPE_CHECKING:
    import pandas
    from scipy.sparse import csr_array

    from gossipsim.optimal.watch import Progress

KINDS = {
    "fdla": "fastest distributed linear averaging: the smallest slem over symmetric weights of any sign",
    "fmmc": "fastest mixing Markov chain: the smallest slem over weights >= 0 that leave no row of W negative",
    "metropolis": "1 / max(d_i, d_j)",
    "metropolis_lazy": "1 / (1 + max(d_i, d_j))",
    "max_degree": "1 / d_max on every edge",
    "best_constant": "2 / (mu_2 + mu_n) on every edge, mu the eigenvalues of the Laplacian with weights one",
}
"""What each kind of weights is; d_i is the degree of node i."""

OPTIMISED = ("fdla", "fmmc")
METHODS = ("interior_point", "sdp")

_DENSE = 1000


@dataclass(frozen=True, eq=False, repr=False)
class Weights:
    """Symmetric weights w on the m edges of a graph, of the averaging step x <- W x with W = I - L(w).

    Attributes
    ----------
    graph : Graph
        n nodes, m edges.
    kind : str
        One of `KINDS`.
    weights : array (m,)
        w_e in the order of `graph.edges`; W_ij = w_e for e = (i, j).
    bound : float, optional
        No weights of this kind have a smaller slem; only for fdla and fmmc, proved by a dual point.
    status : str
        "certified" when gap <= tol, else "not certified to tol: ..." with the reason; "rule" for a closed rule.
    method : str
        The route that found the weights.
    iterations : int
        Its steps.
    seconds : float
        Wall time.

    Examples
    --------
    >>> answer = averaging_weights(Graph.build("path", n=3), "fmmc")
    >>> answer.status, answer.W.toarray().round(6).tolist()
    ('certified', [[0.5, 0.5, 0.0], [0.5, 0.0, 0.5], [0.0, 0.5, 0.5]])
    """

    graph: Graph
    kind: str
    weights: Floats
    bound: float | None = None
    status: str = "rule"
    method: str = "rule"
    iterations: int = 0
    seconds: float = 0.0

    @cached_property
    def W(self) -> csr_array[Any]:
        """The matrix W = I - L(w), sparse (n, n), with rows and columns of sum one."""
        from scipy.sparse import eye_array

        found: csr_array[Any] = (eye_array(self.graph.n) - self.graph.laplacian(self.weights)).tocsr()
        return found

    @cached_property
    def slem(self) -> float:
        """Second largest eigenvalue modulus of W, the factor by which |x - mean(x)| shrinks per step at worst.

        It is the spectral radius of W - J, computed from the weights: max(1 - lambda_2(L), lambda_max(L) - 1).

        Raises
        ------
        Refused
            When the eigenvalues of a very large graph do not settle.
        """
        return spectral_radius(self.graph, self.weights)

    @property
    def gap(self) -> float | None:
        """The difference slem - bound, both between 0 and 1; none for a closed rule."""
        return None if self.bound is None else max(0.0, self.slem - self.bound)

    @property
    def certified(self) -> bool:
        """Whether the gap that was asked for is proved."""
        return self.status == "certified"

    def table(self) -> pandas.DataFrame:
        """Return one row per edge: its ends (labels when the graph has them) and its weight.

        Examples
        --------
        >>> averaging_weights(Graph.build("path", n=3), "max_degree").table()
           i  j  weight
        0  0  1     0.5
        1  1  2     0.5
        """
        import pandas

        names = range(self.graph.n) if self.graph.labels is None else self.graph.labels
        i, j = ([names[v] for v in ends] for ends in self.graph.edges.T.tolist())
        return pandas.DataFrame({"i": i, "j": j, "weight": self.weights})

    def save(self, path: str | Path) -> Path:
        """Write i,j,weight to a CSV file, or everything to a JSON file.

        Raises
        ------
        ScenarioError
            A name that ends neither in .csv nor in .json.
        """
        target = Path(path)
        if target.suffix == ".csv":
            self.table().to_csv(target, index=False, float_format=repr)
        elif target.suffix == ".json":
            arrays = {"edges": self.graph.edges.tolist(), "weights": self.weights.tolist()}
            target.write_text(json.dumps(self.summary() | arrays) + "\n")
        else:
            raise ScenarioError(f"file name {target.name!r}", key=("path",), allowed="a name ending in .csv or .json")
        return target

    def summary(self) -> dict[str, Any]:
        """Return the numbers without the arrays, ready for JSON."""
        return {
            "kind": self.kind,
            "slem": self.slem,
            "bound": self.bound,
            "gap": self.gap,
            "status": self.status,
            "method": self.method,
            "iterations": self.iterations,
            "seconds": self.seconds,
        }

    def __repr__(self) -> str:
        proof = "" if self.bound is None else f", bound {self.bound:.7g}, {self.status}"
        return f"Weights({self.kind}: slem {self.slem:.7g}{proof}; {self.graph!r})"


def averaging_weights(
    graph: Any,
    kind: str = "fdla",
    *,
    tol: float = 1e-7,
    method: str = "interior_point",
    progress: Progress | None = None,
) -> Weights:
    """Return weights for synchronous averaging on a graph, the optimal kinds with a proof.

    fdla minimises rho(I - L(w) - J), the spectral radius, over all w; fmmc over w >= 0 with sum_{e at i} w_e <= 1.

    Parameters
    ----------
    graph : Graph or networkx.Graph
        Connected, n >= 2 nodes, m edges.
    kind : str
        One of `KINDS`.
    tol : float
        The gap, slem minus its proved bound, that fdla and fmmc are to reach.
    method : str
        "interior_point", or "sdp" for the plain statement in cvxpy (small graphs, an independent check).
    progress : callable, optional
        Called by the interior point with None and a short text.

    Raises
    ------
    ScenarioError
        A graph that is not connected or has one node, an unknown kind or method, a tol that is not positive.
    Refused
        An optimal kind on a graph whose m x m matrices would not fit into memory.

    References
    ----------
    L. Xiao, S. Boyd, "Fast linear iterations for distributed averaging", Systems & Control Letters 53, 2004 (fdla, best
    constant); S. Boyd, P. Diaconis, L. Xiao, "Fastest mixing Markov chain on a graph", SIAM Review 46, 2004 (fmmc,
    maximum degree, Metropolis); L. Xiao, S. Boyd, S. Lall, "A scheme for robust distributed sensor fusion based on
    average consensus", IPSN 2005 (lazy Metropolis).

    Examples
    --------
    >>> paw = Graph.from_edges([(0, 1), (0, 2), (1, 2), (2, 3)])
    >>> for kind in ("fdla", "fmmc", "metropolis"):
    ...     print(f"{averaging_weights(paw, kind).slem:.6f}")
    0.577350
    0.636364
    0.666667
    """
    net = as_graph(graph)
    _known(kind, "kind", KINDS)
    _known(method, "method", METHODS)
    if isinstance(tol, bool) or not isinstance(tol, (int, float)) or not 0 < tol < np.inf:
        raise ScenarioError(f"tol {shown(tol)}", key=("tol",), allowed="a finite number > 0")
    if kind not in OPTIMISED:
        return Weights(net, kind, np.asarray(frozen(_rule(net, kind))))
    from gossipsim.optimal import averaging_certificate, averaging_convex, averaging_interior_point

    begin = perf_counter()
    markov = kind == "fmmc"
    if method == "sdp":
        point = averaging_convex.solve(net, markov)
    else:
        _check_memory(averaging_interior_point.memory(net), net)
        point = averaging_interior_point.solve(net, markov, tol / 2, progress)
    if markov:
        bound = averaging_certificate.fmmc_bound(net, point.X_1, point.X_2, point.y)
    else:
        bound = averaging_certificate.fdla_bound(net, point.X_1, point.X_2)
    gap = spectral_radius(net, point.weights) - bound
    status = "certified" if gap <= tol else f"not certified to {tol:g}: the proved gap is {gap:.1e}; {point.words}"
    seconds = perf_counter() - begin
    return Weights(net, kind, np.asarray(frozen(point.weights)), bound, status, method, point.iterations, seconds)


def spectral_radius(graph: Graph, weights: Floats) -> float:
    """Return rho(I - L(w) - J) for weights w (m,) of any sign.

    Examples
    --------
    >>> spectral_radius(Graph.build("path", n=2), np.array([0.75]))
    0.5
    """
    if graph.n > _DENSE and weights.min() > 0:
        s = spectrum(graph, weights)
        return max(1.0 - s.lambda_2, s.lambda_max - 1.0)
    from scipy.linalg import eigvalsh

    # the constant vector's eigenvalue 0 becomes 1, where it adds nothing
    lifted = graph.laplacian(weights).toarray() + 1.0 / graph.n
    return float(np.abs(1.0 - eigvalsh(lifted, overwrite_a=True)).max())


def _rule(graph: Graph, kind: str) -> Floats:
    larger = graph.degree[graph.edges].max(axis=1)
    if kind == "metropolis":
        return np.asarray(1.0 / larger)
    if kind == "metropolis_lazy":
        return np.asarray(1.0 / (1.0 + larger))
    if kind == "max_degree":
        return np.full(graph.m, 1.0 / graph.degree.max())
    s = spectrum(graph, np.ones(graph.m))
    return np.full(graph.m, 2.0 / (s.lambda_2 + s.lambda_max))


def _known(given: object, key: str, names: Any) -> None:
    if not isinstance(given, str) or given not in names:
        hint = nearest(given, names)
        raise ScenarioError(f"unknown {key} {shown(given)}", key=(key,), allowed=", ".join(names), hint=hint)


def _check_memory(needed: float, graph: Graph) -> None:
    free = _free()
    if needed > free:
        raise Refused(
            f"optimal averaging weights with {graph.m} edges and {graph.n} nodes need {needed / 1e9:.1f} GB of memory, "
            f"{free / 1e9:.1f} GB are free; the rules ({', '.join(k for k in KINDS if k not in OPTIMISED)}) have no limit"
        )


def _free() -> float:
    import psutil

    return float(psutil.virtual_memory().available)
