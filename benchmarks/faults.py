"""What remains after faults in the middle of push and of pull, on a real Label Studio.

    python -m benchmarks.faults [--points 30] [--reps 60] [--seconds 1000] [--only "server killed"]

After each fault the stage runs again, undisturbed. Lost: annotations that the ledger then lacks. Duplicate:
tasks beyond one per rep. Healed: the queue is there in its order, each task with its one prediction and
for as many people as it should be, and the ledger has every version once.
"""

import argparse
import contextlib
import io
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from pushup_data import params, scaffold, taxonomy
from pushup_data.labelstudio import server
from pushup_data.stages import pull, push
from pushup_data.workspace import Workspace
from tests import faults
from tests.faults import Bench, Stage

Fault = Callable[[Stage, Bench, float], None]


def kinds() -> dict[str, Fault]:
    """Return what can happen; each is given a random point within the stage's duration."""
    failing = {f"half the requests {mode}": partial(_failing, mode=mode) for mode in faults.MODES}
    return {
        "server killed": faults.server_killed,
        "process killed": faults.client_killed,
        "two at once": lambda stage, bench, _: faults.at_once(stage, bench),
        **failing,
    }


def _failing(stage: Stage, bench: Bench, _: float, *, mode: str) -> None:
    faults.failing(stage, bench, mode)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--points", type=int, default=30, help="runs per fault and stage")
    parser.add_argument("--reps", type=int, default=60, help="tasks in the queue")
    parser.add_argument("--seconds", type=float, default=1000, help="no further runs of a row after these")
    parser.add_argument("--only", choices=[*kinds()], help="one kind of fault; default: all")
    parser.add_argument("--port", type=int, default=18655)
    options = parser.parse_args()
    good = True
    with tempfile.TemporaryDirectory(prefix="pushup-faults-") as name:
        scaffold.init(Path(name) / "workspace")
        workspace = Workspace(Path(name) / "workspace")
        settings = params.load(workspace.params)
        known = taxonomy.load(workspace.taxonomy)
        print("| fault | in | runs | labels lost | duplicate tasks | healed by the next run | s |")
        print("|---|---|---|---|---|---|---|")
        try:
            for number, (kind, fault) in enumerate(kinds().items()):
                if options.only not in (None, kind):
                    continue
                labelstudio = settings.labelstudio.model_copy(
                    update={"port": options.port, "title": f"faults {number}"}
                )
                with contextlib.redirect_stdout(io.StringIO()):
                    mine = settings.model_copy(update={"labelstudio": labelstudio})
                    bench = Bench(workspace, mine, known, options.reps, seed=number)
                for stage in (push, pull):
                    start = time.perf_counter()
                    with contextlib.redirect_stdout(io.StringIO()):
                        taken = duration(stage, bench)
                        found = [one(fault, stage, bench, taken)]
                        while len(found) < options.points and time.perf_counter() - start < options.seconds:
                            found.append(one(fault, stage, bench, taken))
                    lost, twice, healed = (sum(values) for values in zip(*found, strict=True))
                    good = good and lost == twice == 0 and healed == len(found)
                    print(
                        f"| {kind} | {stage.__name__.split('.')[-1]} | {len(found)} | {lost} | {twice} "
                        f"| {healed} | {time.perf_counter() - start:.0f} |",
                        flush=True,
                    )
        finally:
            server.stop(workspace)
    sys.exit(0 if good else 1)


def duration(stage: object, bench: Bench) -> float:
    """Return how many seconds a stage takes undisturbed."""
    bench.change(stage)
    start = time.perf_counter()
    stage.run(bench.workspace, bench.params)  # type: ignore[attr-defined]
    return time.perf_counter() - start


def one(fault: Fault, stage: object, bench: Bench, taken: float) -> tuple[int, int, bool]:
    """Disturb a stage at a random point of its duration."""
    run: Stage = stage.run  # type: ignore[attr-defined]
    bench.change(stage)
    fault(run, bench, bench.random.uniform(0, taken))
    return bench.outcome(run)


if __name__ == "__main__":
    main()
