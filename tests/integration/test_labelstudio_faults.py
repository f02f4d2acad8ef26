"""A small part of benchmarks/faults.py: nothing lost, nothing twice, healed by the next run."""

import pytest

from pushup_data.stages import pull, push
from tests import faults

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]

COUNT = 15
GOOD = (0, 0, True)


@pytest.fixture
def bench(served, project, default_taxonomy):
    return faults.Bench(served, project, default_taxonomy, COUNT, seed=0)


@pytest.mark.parametrize("mode", ["answered 500", "dropped after"])  # without and with the server's work done
def test_half_the_requests_fail(bench, mode):
    for stage in (push, pull):
        bench.change(stage)
        faults.failing(stage.run, bench, mode)
        assert bench.outcome(stage.run) == GOOD


def test_the_process_is_killed(bench):
    for stage in (push, pull):
        bench.change(stage)
        faults.client_killed(stage.run, bench, bench.random.uniform(0, 0.4))
        assert bench.outcome(stage.run) == GOOD


def test_two_at_once(bench):
    for stage in (push, pull):
        bench.change(stage)
        faults.at_once(stage.run, bench)
        assert bench.outcome(stage.run) == GOOD


def test_the_server_is_killed_in_the_middle_of_a_push(bench):
    bench.change(push)
    faults.server_killed(push.run, bench, 0.3)
    assert bench.outcome(push.run) == GOOD
