"""Fixtures that all tests share."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from pushup_data import params, scaffold, tables, taxonomy, workers
from pushup_data.params import Params
from pushup_data.taxonomy import Taxonomy
from pushup_data.workspace import TEMPLATE, Workspace

# A property that does real work takes as long as the machine is busy.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


# Dear, and made once per process; the first that a test uses decides.
_SHARED = {"served": "labelstudio", "avatars": "avatars", "after_two_rounds": "rounds"}


# Of what takes minutes, the longest begins first: the processes then end at about the same time.
_LONGEST = ("avatars", "labelstudio", "test_pose", "rounds")


@pytest.hookimpl(tryfirst=True)  # before the groups are read
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep in one process what shares one of these, else the tests of a file."""
    rank = {}
    for item in items:
        used = getattr(item, "fixturenames", ())
        group = next((name for shared, name in _SHARED.items() if shared in used), item.path.stem)
        item.add_marker(pytest.mark.xdist_group(group))
        rank[item] = _LONGEST.index(group) if group in _LONGEST else len(_LONGEST)
    # The whole loop last of its group: by then a Label Studio may be there to copy.
    items.sort(key=lambda item: (rank[item], item.path.stem == "test_round"))


@pytest.fixture(scope="session", autouse=True)
def _one_core_each(worker_id: str) -> Iterator[None]:
    """Beside other tests a stage has no second core: starting a worker for it would only cost time."""
    with pytest.MonkeyPatch.context() as patch:
        if worker_id != "master":  # pytest-xdist's name for the only process
            patch.setattr(workers, "cores", lambda: 1)
        yield


@pytest.fixture(scope="session")
def initialised(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `pushup-data init` makes, to be copied: that takes a hundredth of the two seconds."""
    root = tmp_path_factory.mktemp("initialised") / "workspace"
    scaffold.init(root)
    return root


@pytest.fixture
def workspace(initialised: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A new workspace, which is also the current folder."""
    monkeypatch.chdir(shutil.copytree(initialised, tmp_path / "workspace"))
    return Workspace.here()


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Workspace], Workspace]:
    """Copies a workspace that tests share, to be changed; the copy is also the current folder."""

    def copy(shared: Workspace) -> Workspace:
        monkeypatch.chdir(shutil.copytree(shared.root, tmp_path / "copy"))
        return Workspace.here()

    return copy


@pytest.fixture(scope="session")
def default_params() -> Params:
    """params.yaml as it ships."""
    return params.load(TEMPLATE / "params.yaml")


@pytest.fixture(scope="session")
def default_taxonomy() -> Taxonomy:
    """taxonomy.yaml as it ships."""
    return taxonomy.load(TEMPLATE / "labeling_config" / "taxonomy.yaml")


@pytest.fixture(scope="session")
def avatars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ten rendered sets of two reps each, one per body, as `avatar render` leaves it.

    Every error is shown clearly, and half of the reps are right.
    """
    from pushup_data.avatar import plans, sets

    folder = tmp_path_factory.mktemp("avatars")
    errors = list(plans.STRENGTH)
    recipes = [
        sets.Recipe(
            seed=3,
            number=number,
            fps=12,
            size=(480, 270),
            views={"side": 0.5, "oblique": 0.5},
            flaw_share=0.0,
            errors=({}, {errors[number % len(errors)]: 0.8}),
        )
        for number in range(10)
    ]
    sets.render(recipes, folder)
    return folder


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder with real clips, or a skip that says what is missing."""
    named = os.environ.get("PUSHUP_REAL_DATA")
    if not named:
        pytest.skip("PUSHUP_REAL_DATA is not set: no real clips to test on")
    return Path(named)


@pytest.fixture(scope="session")
def after_two_rounds(tmp_path_factory, initialised, default_taxonomy):
    """A workspace of two rounds, and what was queued in the first."""
    from tests import rounds as loop

    root = shutil.copytree(initialised, tmp_path_factory.mktemp("rounds") / "workspace")
    workspace = Workspace(root)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        truth = loop.fill(workspace, default_taxonomy)
        loop.run(workspace)
        queue = tables.read(tables.QUEUE, workspace.queue)
        loop.annotate(workspace, default_taxonomy, truth, queue["rep_id"])
        loop.run(workspace, evaluate=loop.BESIDE)
    return workspace, truth, queue


@pytest.fixture
def rounds(after_two_rounds, copied):
    """A copy of it, to be changed."""
    workspace, truth, queue = after_two_rounds
    return copied(workspace), truth, queue
