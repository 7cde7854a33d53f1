"""What the network minimises: problems, where their data come from, and how the data are dealt to the nodes."""

from gossipsim.catalogue import callable_module
from gossipsim.problems import (
    heterogeneous_quadratic,
    linear_regression,
    logistic_regression,
    nonconvex_logistic,
    partition,
    quadratic,
)
from gossipsim.problems.base import Objective, Problem
from gossipsim.problems.optimum import Optimum
from gossipsim.problems.partition import Partition

callable_module(__name__, Problem)

__all__ = [
    "Objective",
    "Optimum",
    "Partition",
    "Problem",
    "heterogeneous_quadratic",
    "linear_regression",
    "logistic_regression",
    "nonconvex_logistic",
    "partition",
    "quadratic",
]
