"""What is asked of the rates: a criterion, a cost on every edge, and linear limits."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from gossipsim.arrays import Floats, Integers, frozen, numbers
from gossipsim.errors import ScenarioError, nearest, shown
from gossipsim.graph import Graph
from gossipsim.optimal.limits import Limits, number

if TYPE_CHECKING:
    from scipy.sparse import csr_array

CRITERIA = {
    "dadao": "minimise the cost sum_e c_e lam_e of rates with 2 chi_1 chi_2 <= 1",
    "fastest_mixing": "maximise lambda_2",
    "total_resistance": "minimise the sum of effective resistances over all pairs of nodes",
    "averaging_time": "minimise the second eigenvalue of randomized gossip, with one clock per node",
}
"""What each criterion asks for."""

MAXIMISED = frozenset({"fastest_mixing"})
"""The criteria whose value is to be large, and whose bound lies above."""


@dataclass(frozen=True, eq=False)
class Program:
    """One convex problem over the rates lam >= 0 of the m edges of a connected graph with n >= 2 nodes.

    dadao minimises c^T lam over rates with max_e R_e(lam) <= lambda_2(lam), which is 2 chi_1 chi_2 <= 1; the other
    criteria keep c^T lam <= total. Every criterion keeps A lam <= B. averaging_time has a budget of its own, one wake-up
    per node: n lam_e = P_ij + P_ji with row sums of P at most one, and takes no cost and no limits.

    Attributes
    ----------
    graph : Graph
        n nodes, m edges.
    criterion : str
        One of `CRITERIA`.
    cost : array (m,)
        Cost c_e > 0 of one exchange on each edge.
    total : float
        The budget c^T lam, exchanges per unit time when c = 1.
    limits : Limits
        Linear limits, none by default.
    tol : float
        The relative gap to be proved.

    Examples
    --------
    >>> program = Program.build(Graph.build("path", n=3), node_cap=4.0)
    >>> program.n, program.m, program.A.toarray().tolist(), program.B.tolist()
    (3, 2, [[1.0, 0.0], [1.0, 1.0], [0.0, 1.0]], [4.0, 4.0, 4.0])
    """

    graph: Graph
    criterion: str
    cost: Floats
    total: float
    limits: Limits
    tol: float = 1e-6

    @classmethod
    def build(
        cls,
        graph: Any,
        criterion: str = "dadao",
        *,
        total: float = 1.0,
        cost: ArrayLike | None = None,
        node_cap: ArrayLike | None = None,
        edge_cap: ArrayLike | None = None,
        minimum: ArrayLike | None = None,
        linear: tuple[Any, ArrayLike] | None = None,
        tol: float = 1e-6,
    ) -> Program:
        """Check what a user gave and return the program.

        Parameters
        ----------
        graph : Graph or networkx.Graph
            Connected, at least two nodes.
        criterion : str
            One of `CRITERIA`.
        total : float
            The budget c^T lam.
        cost : array (m,), optional
            Cost of an exchange on each edge; default one.
        node_cap, edge_cap, minimum : float or array, optional
            Most exchanges per unit time at each node (n,), most and fewest on each edge (m,).
        linear : (A, B), optional
            Rows A (k, m), dense or sparse, and B (k,) with A lam <= B.
        tol : float
            The relative gap to be proved.

        Raises
        ------
        ScenarioError
            A graph without rates to choose, an unknown criterion, a cost or a limit of the wrong shape or range.

        Examples
        --------
        >>> Program.build(Graph.build("path", n=3), tol=0.0)
        Traceback (most recent call last):
            ...
        gossipsim.errors.ScenarioError: tol: tol 0; allowed: a finite number > 0
        """
        net = as_graph(graph)
        if not isinstance(criterion, str) or criterion not in CRITERIA:
            hint = nearest(criterion, CRITERIA)
            given = f"unknown criterion {shown(criterion)}"
            raise ScenarioError(given, key=("criterion",), allowed=", ".join(CRITERIA), hint=hint)
        c = np.ones(net.m) if cost is None else numbers(cost, "cost", (net.m,), least=0.0)
        if not c.all():
            row = int((c == 0).argmax())
            raise ScenarioError("cost 0", key=("cost", row), allowed="finite numbers > 0")
        limits = Limits.build(net, node_cap, edge_cap, minimum, linear)
        if criterion == "averaging_time" and (limits.count or cost is not None):
            raise ScenarioError(
                "averaging_time with a cost or a limit",
                key=("criterion",),
                allowed="averaging_time alone: its budget is one wake-up per node and unit time",
            )
        budget, gap = _positive(total, "total"), _positive(tol, "tol")
        if criterion != "dadao":
            limits.check_budget(c, budget)
        return cls(net, criterion, np.asarray(frozen(c)), budget, limits, gap)

    @property
    def n(self) -> int:
        """Number of nodes."""
        return self.graph.n

    @property
    def m(self) -> int:
        """Number of edges."""
        return self.graph.m

    @property
    def edges(self) -> Integers:
        """The edges (m, 2)."""
        return self.graph.edges

    @property
    def A(self) -> csr_array[Any] | None:
        """The rows of A lam <= B, sparse (k, m); None when there are none."""
        return self.limits.A if self.limits.count else None

    @property
    def B(self) -> Floats:
        """The right-hand side (k,)."""
        return self.limits.B

    @property
    def budgeted(self) -> tuple[csr_array[Any], Floats]:
        """The rows with the budget c^T lam <= total first, sparse (k + 1, m) and (k + 1,)."""
        from scipy.sparse import coo_array, csr_array, vstack

        rows = csr_array(vstack([coo_array(self.cost[None, :]), coo_array(self.limits.A)]))
        return rows, np.concatenate([[self.total], self.limits.B])

    @property
    def maximised(self) -> bool:
        """Whether a larger value is better."""
        return self.criterion in MAXIMISED

    @cached_property
    def uniform(self) -> Floats:
        """The same rate on every edge (m,), of cost `total`; what an optimum is compared with."""
        return np.full(self.m, self.total / float(self.cost.sum()))


def as_graph(graph: Any) -> Graph:
    """Return a connected `Graph` with at least two nodes from a Graph or from networkx.

    Examples
    --------
    >>> as_graph(Graph.from_edges([(0, 1), (2, 3)]))
    Traceback (most recent call last):
        ...
    gossipsim.errors.ScenarioError: graph: not connected: node 2 cannot be reached from node 0; allowed: a connected graph
    """
    if not isinstance(graph, Graph) and not hasattr(graph, "is_directed"):
        raise ScenarioError(f"given {shown(graph)}", key=("graph",), allowed="a Graph or a networkx graph")
    net: Graph = graph if isinstance(graph, Graph) else Graph.from_networkx(graph)
    if net.n == 1:
        raise ScenarioError("one node has no edge to give a rate", key=("graph",), allowed="at least two nodes")
    if not net.is_connected:
        lost = int(net.component.argmax())
        reason = f"not connected: node {lost} cannot be reached from node 0"
        raise ScenarioError(reason, key=("graph",), allowed="a connected graph")
    return net


def _positive(value: float, name: str) -> float:
    found = number(value, name)
    if not found > 0:
        raise ScenarioError(f"{name} {found:g}", key=(name,), allowed="a finite number > 0")
    return found


def evaluate(program: Program, lam: Floats) -> float:
    """Return the criterion at rates lam (m,), computed from the graph alone.

    dadao: c^T lam sqrt(max_e R_e / lambda_2), the cost of rates in these proportions that just meet the condition;
    fastest_mixing: lambda_2; total_resistance: n tr L^+, by Klein and Randic ("Resistance distance", 1993) the sum of
    R_ij over all pairs; averaging_time: lambda_2(W) = 1 - lambda_2(lam) / 2 (Boyd, Ghosh, Prabhakar, Shah, "Randomized
    gossip algorithms", 2006). Infinite, zero or one when the positive rates do not connect the graph.

    Examples
    --------
    >>> program = Program.build(Graph.build("path", n=3))
    >>> round(evaluate(program, program.uniform), 9)
    2.0
    """
    from gossipsim.connected import components
    from gossipsim.spectral import spectrum

    if components(program.n, program.edges[lam > 0]).any():
        return {"fastest_mixing": 0.0, "averaging_time": 1.0}.get(program.criterion, np.inf)
    if program.criterion == "total_resistance":
        return _total_resistance(program, lam)
    s = spectrum(program.graph, lam)
    if program.criterion == "dadao":
        return float(program.cost @ lam) * float(np.sqrt(2 * s.chi_1 * s.chi_2))
    return s.lambda_2 if program.criterion == "fastest_mixing" else 1.0 - s.lambda_2 / 2


def _total_resistance(program: Program, lam: Floats) -> float:
    from scipy.linalg import eigvalsh

    return program.n * float((1.0 / eigvalsh(program.graph.laplacian(lam).toarray())[1:]).sum())
