import os
import signal
import time

import pytest

from pushup_data import workers
from pushup_data.errors import BadVideoError


def behave(job: str) -> str:
    if job == "hang":
        time.sleep(60)
    if job == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if job == "refuse":
        raise BadVideoError("odd", "odd.mp4: it is odd; bring another")
    if job == "bug":
        raise ZeroDivisionError
    return job.upper()


def test_one_bad_job_costs_one_job():
    jobs = ["a", "crash", "b", "hang", "refuse", "c"]
    outcomes = list(workers.run(behave, jobs, label="test", time_limit_s=5))
    assert [o.job for o in outcomes] == jobs
    assert [o.value for o in outcomes] == ["A", None, "B", None, None, "C"]
    assert [o.error.reason for o in outcomes if o.error] == ["crashed", "timeout", "odd"]


def test_a_bug_is_raised():
    with pytest.raises(ZeroDivisionError):
        list(workers.run(behave, ["a", "bug"], label="test", time_limit_s=30))


def test_no_jobs_start_no_process():
    assert list(workers.run(behave, [], label="test", time_limit_s=1)) == []
