"""Events per second of both engines against a plain SimPy + NumPy loop, all measured in this run; one JSON line.

    python benchmarks/events_per_second.py [--n 64] [--dim 50] [--samples 32] [--every 100] [--rounds 5] [--quick]

DADAO with its theory's constants and rates on least squares over a 4-regular random graph, the error measured every 100 n
events. Times are thread CPU seconds, the median over interleaved rounds.
"""

import argparse
import json

from common import Engine, gs, seconds_per_event, three
from plain import PlainLoop


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=64)
    parser.add_argument("--dim", type=int, default=50)
    parser.add_argument("--samples", type=int, default=32)
    parser.add_argument("--every", type=int, default=100, help="measure after so many events per node")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="fewer events per round")
    options = parser.parse_args()
    data = {"samples": options.samples, "dim": options.dim}
    world = gs.World.build(
        gs.Scenario.parse(
            {
                "topology": {"name": "random_regular", "n": options.n, "degree": 4, "seed": 1},
                "problem": {"name": "linear_regression", "l2": 0.1, "synthetic": data},
                "method": "dadao",
                "run": {"events": 10**15},
            }
        )
    )
    scale, every = 0.1 if options.quick else 1.0, options.every * options.n
    engines = {name: Engine(world, name, every) for name in ("compiled", "processes")}
    plain = PlainLoop(world)
    cost = seconds_per_event(
        {
            "compiled": (engines["compiled"].run, int(200_000 * scale)),
            "processes": (engines["processes"].run, int(20_000 * scale)),
            "simpy_numpy": (plain.run, int(4_000 * scale)),
        },
        options.rounds,
    )
    for engine in engines.values():
        engine.check()
    print(
        json.dumps(
            {
                "compiled_over": {name: three(value / cost["compiled"]) for name, value in cost.items()},
                "events_per_second": {name: round(1 / value) for name, value in cost.items()},
                **vars(options),
            }
        )
    )


if __name__ == "__main__":
    main()
