"""One Label Studio for all tests that need one: its first start takes a minute."""

import itertools
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from pushup_data import scaffold
from pushup_data.labelstudio import backup, server
from pushup_data.labelstudio.client import Client
from pushup_data.params import Params
from pushup_data.workspace import Workspace

_titles = itertools.count(1)
_PORT = 18200  # also where it starts again after a test that kills it
_FLAGS = "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium, the system's own."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no Chromium: run `apt-get install chromium`")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=_FLAGS.split())
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def fresh_server(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """Where a backup of an unused server is, once `served` is up, be it in another process."""
    base = tmp_path_factory.getbasetemp()
    return (base if worker_id == "master" else base.parent) / "fresh-server.tar.gz"


@pytest.fixture(scope="session")
def served(
    tmp_path_factory: pytest.TempPathFactory, default_params: Params, fresh_server: Path
) -> Iterator[Workspace]:
    """A workspace whose Label Studio is up."""
    root = tmp_path_factory.mktemp("served") / "workspace"
    scaffold.init(root)
    workspace = Workspace(root)
    server.start(workspace, default_params.labelstudio.model_copy(update={"port": _PORT}))
    backup.make(workspace, root / fresh_server.name)
    (root / fresh_server.name).replace(fresh_server)
    yield workspace
    server.stop(workspace)


@pytest.fixture
def project(served: Workspace, default_params: Params) -> Params:
    """Settings with a project title of its own; what earlier tests pulled and pushed is gone."""
    for path in (served.annotations, served.receipt, served.server, served.boundaries):
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    settings = default_params.labelstudio.model_copy(
        update={"title": f"project {next(_titles)}", "port": _PORT}
    )
    return default_params.model_copy(update={"labelstudio": settings})


@pytest.fixture
def client(served: Workspace, project: Params) -> Iterator[Client]:
    """The owner's connection."""
    with Client(server.access(served, project.labelstudio)) as connection:
        yield connection
