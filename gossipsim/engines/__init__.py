"""Engines: what happens next. `processes` (SimPy) defines the world readably; `compiled` (Numba) runs it fast."""
