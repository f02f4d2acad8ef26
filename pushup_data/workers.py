"""Map over videos on all cores, where one bad video costs one video and not the run.

Each job runs in a process of its own pool: it may crash (a decoder's segfault) or hang (past its time
limit) without taking others along.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pebble import ProcessExpired, ProcessPool
from tqdm import tqdm

from pushup_data.errors import BadVideoError

Job = TypeVar("Job")
T = TypeVar("T")


@dataclass(frozen=True)
class Outcome(Generic[Job, T]):
    """What became of one job: either `value` or `error` is set."""

    job: Job
    value: T | None
    error: BadVideoError | None


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run(
    function: Callable[[Job], T],
    jobs: Sequence[Job],
    *,
    label: str,
    time_limit_s: float,
    name: Callable[[Job], str] = str,
    processes: int | None = None,
) -> Iterator[Outcome[Job, T]]:
    """Yield an outcome per job, in the jobs' order, with a progress bar on stderr.

    `function` must be importable (a module-level function), its arguments and results picklable.
    A BadVideoError, a crash and a timeout become the outcome's `error`; any other exception is a bug
    and is raised.
    """
    if not jobs:
        return
    workers = min(processes or cores(), len(jobs))
    with ProcessPool(max_workers=workers, context=_context()) as pool:
        futures = [pool.schedule(function, args=(job,), timeout=time_limit_s) for job in jobs]
        try:
            for job, future in tqdm(
                zip(jobs, futures, strict=True), total=len(jobs), desc=label, unit="video", disable=None
            ):
                yield _outcome(job, future, name(job), time_limit_s)
        except BaseException:
            for future in futures:
                future.cancel()
            pool.stop()
            raise


def _outcome(job: Job, future: Any, name: str, time_limit_s: float) -> Outcome[Job, Any]:
    try:
        return Outcome(job, future.result(), None)
    except BadVideoError as e:
        return Outcome(job, None, e)
    except FutureTimeoutError:
        text = f"{name}: not done after {time_limit_s:g} s; cut it or raise the stage's time_limit_s"
        return Outcome(job, None, BadVideoError("timeout", text))
    except ProcessExpired as e:
        text = f"{name}: the process working on it died (exit code {e.exitcode}); the file may be damaged"
        return Outcome(job, None, BadVideoError("crashed", text))


def _context() -> Any:
    # Not fork: the parent may hold threads (polars, tqdm), and a forked child can then hang.
    import multiprocessing

    return multiprocessing.get_context("spawn")
