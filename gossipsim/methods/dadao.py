"""DADAO: Nabli, Oyallon, "Decoupled accelerated decentralized asynchronous optimization", ICML 2023, arXiv:2208.00779."""

from __future__ import annotations

from math import sqrt
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import model_validator

from gossipsim.component import Finite, NonNegative, Positive
from gossipsim.errors import ScenarioError
from gossipsim.methods.base import Facts, Flow, Method, Promise, kernel

_FLOW = ("eta", "eta_tilde", "alpha", "alpha_tilde", "theta")


class Dadao(Method, name="dadao"):
    r"""DADAO: accelerated, asynchronous, primal; gradients and gossip on independent Poisson clocks.

    Between events every node follows the linear flow

    .. math:: x' &= \eta(\tilde x - x),       & \tilde x' &= \tilde\eta (x - \tilde x), \\
              y' &= \alpha(\tilde y - y),     & \tilde y' &= -\theta (y + z + \nu \tilde x), \\
              z' &= \alpha(\tilde z - z),     & \tilde z' &= \tilde\alpha (z - \tilde z).

    A gradient at node i, with \(r = \nabla f_i(x) - \nu x - \tilde y\):
    \(x \leftarrow x - \gamma r\), \(\tilde x \leftarrow \tilde x - \tilde\gamma r\),
    \(\tilde y \leftarrow \tilde y + (\delta + \tilde\delta) r\).

    An exchange on edge ij, with \(p = (y_i + z_i) - (y_j + z_j)\):
    \(z_i \leftarrow z_i - \beta p\), \(\tilde z_i \leftarrow \tilde z_i - \tilde\beta p\), and the opposite at j.

    Parameters
    ----------
    mu, L : float, optional
        Strong convexity and smoothness (default: of the problem).
    chi_1 : float, optional
        1 / lambda_2 of the rates-weighted Laplacian (default: of the graph and its rates), in time units.
    nu, eta, eta_tilde, alpha, alpha_tilde, theta, gamma, gamma_tilde, delta, delta_tilde, beta, beta_tilde : float, optional
        Every constant of theory can be overridden.
    flow : matrix (6, 6), optional
        Replaces the flow; order x, x_tilde, y, y_tilde, z, z_tilde; row = derivative.

    Notes
    -----
    With nu = mu/2 and s = sqrt(nu/L): eta = eta_tilde = alpha_tilde = s/8, alpha = s/4, theta = 1/(2s),
    gamma = 1/(4L), gamma_tilde = 1/(4 sqrt(L nu)), delta = s/4, delta_tilde = 1, beta = 1/2,
    beta_tilde = 2 chi_1 / s.

    *Promise*: when chi_1 chi_2 <= 1/2, \(E \sum_i \|x_i(t) - x^*\|^2 \le C e^{-\eta t}\) with
    \(\eta = \sqrt{\mu/L}/(8\sqrt2)\). The prefactor C is not reproduced here.

    Examples
    --------
    >>> Dadao.parse({"name": "dadao", "mu": 0.1, "L": 3.0}).mu
    0.1
    """

    node = dict.fromkeys(("x", "x_tilde", "y", "y_tilde", "z", "z_tilde"), "vector")
    computes = "clock"
    when_changing = ""

    mu: Positive | None = None
    L: Positive | None = None
    chi_1: NonNegative | None = None
    nu: Positive | None = None
    eta: Finite | None = None
    eta_tilde: Finite | None = None
    alpha: Finite | None = None
    alpha_tilde: Finite | None = None
    theta: Finite | None = None
    gamma: Finite | None = None
    gamma_tilde: Finite | None = None
    delta: Finite | None = None
    delta_tilde: Finite | None = None
    beta: Finite | None = None
    beta_tilde: Finite | None = None
    flow: Flow | None = None

    @model_validator(mode="after")
    def _flow_is_consistent(self) -> Self:
        if self.flow is None:
            return self
        if len(self.flow) != 6 or any(len(row) != 6 for row in self.flow) or not np.isfinite(self.flow).all():
            shape = f"{len(self.flow)} rows of {sorted({len(row) for row in self.flow})} numbers"
            raise ScenarioError(f"a flow of {shape}", key=("flow",), allowed="6 rows of 6 finite numbers")
        clash = [name for name in _FLOW if getattr(self, name) is not None]
        if clash:
            raise ScenarioError(
                f"given together with {', '.join(clash)}", key=("flow",), allowed="the one or the others"
            )
        return self

    def constants(self, facts: Facts) -> dict[str, float]:
        """Return every constant of theory, overridden where the settings say so."""
        mu, L = self.mu or facts.mu, self.L or facts.L
        nu = self.nu or mu / 2
        s = sqrt(nu / L)
        chi_1 = self._or("beta_tilde", lambda: facts.chi_1 if self.chi_1 is None else self.chi_1)
        theory = {
            "nu": nu,
            "eta": s / 8,
            "eta_tilde": s / 8,
            "alpha": s / 4,
            "alpha_tilde": s / 8,
            "theta": 1 / (2 * s),
            "gamma": 1 / (4 * L),
            "gamma_tilde": 1 / (4 * sqrt(L * nu)),
            "delta": s / 4,
            "delta_tilde": 1.0,
            "beta": 0.5,
            "beta_tilde": 2 * chi_1 / s,
        }
        chosen = {name: getattr(self, name) for name in theory}
        return {name: value if chosen[name] is None else chosen[name] for name, value in theory.items()}

    def _or(self, constant: str, theory: Any) -> float:
        """Spare a large graph's spectrum when its only use is overridden."""
        return 0.0 if getattr(self, constant) is not None else theory()

    def flow_matrix(self, facts: Facts) -> NDArray[np.float64]:
        """Return the 6 x 6 matrix of the flow, order x, x_tilde, y, y_tilde, z, z_tilde."""
        if self.flow is not None:
            return np.array(self.flow)
        c = self.constants(facts)
        nu, eta, eta_tilde, alpha, alpha_tilde, theta = (c[k] for k in ("nu", *_FLOW))
        return np.array(
            [
                [-eta, eta, 0, 0, 0, 0],
                [eta_tilde, -eta_tilde, 0, 0, 0, 0],
                [0, 0, -alpha, alpha, 0, 0],
                [0, -theta * nu, -theta, 0, -theta, 0],
                [0, 0, 0, 0, -alpha, alpha],
                [0, 0, 0, 0, alpha_tilde, -alpha_tilde],
            ]
        )

    def demand(self, facts: Facts) -> float:
        """Return sqrt(2 chi_1 chi_2), the smallest total rate that meets the condition of the theorem."""
        return sqrt(2 * facts.chi_1 * facts.chi_2)

    def promise(self, facts: Facts) -> Promise:
        """Return the decay rate sqrt(mu/L) / (8 sqrt 2) of the error."""
        mu, L = self.mu or facts.mu, self.L or facts.L
        product = facts.chi_1 * facts.chi_2
        return Promise(
            "error",
            sqrt(mu / L) / (8 * sqrt(2)),
            "Nabli, Oyallon 2023, theorem on DADAO",
            f"chi_1 chi_2 <= 1/2 (here {product:.4g})",
            met=product <= 0.5 * (1 + 1e-9),
        )

    def refuses(self, facts: Facts) -> str | None:
        """Refuse objectives that are not strongly convex."""
        if not (self.mu or facts.mu) > 0:
            return "dadao needs strongly convex local functions (mu > 0), here mu = 0: give l2 > 0, or mu in the method"
        return None

    @kernel
    def step(p, node, t, g):
        r = g - p.nu * node.x - node.y_tilde
        node.x[:] = node.x - p.gamma * r
        node.x_tilde[:] = node.x_tilde - p.gamma_tilde * r
        node.y_tilde[:] = node.y_tilde + (p.delta + p.delta_tilde) * r

    @kernel
    def message(p, node, link, t, out):
        out[:] = node.y + node.z
        return True

    @kernel
    def receive(p, node, links, t, inbox, slots):
        r = node.y + node.z - inbox[0]
        node.z[:] = node.z - p.beta * r
        node.z_tilde[:] = node.z_tilde - p.beta_tilde * r
