"""What a pull reads of the workspace before it asks Label Studio."""

from types import SimpleNamespace

import pytest

from pushup_data.errors import BadInputError
from pushup_data.stages import pull

CONFLICT = """{
<<<<<<< HEAD
  "server": "local:a"
=======
  "server": "local:b"
>>>>>>> other
}
"""


@pytest.mark.parametrize("text", [CONFLICT, "[]", b"\xff"])
def test_a_damaged_state_says_how_to_go_on(workspace, text):
    workspace.server.parent.mkdir(exist_ok=True)
    workspace.server.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(BadInputError, match=r"server\.json: .*; restore it from git"):
        pull._state(workspace)


@pytest.mark.parametrize("text", ['{"server": "x", "ta', "[]", "{}", '{"server": "x", "tasks": 3}', b"\xff"])
def test_a_damaged_receipt_is_none(workspace, text):
    workspace.receipt.parent.mkdir(exist_ok=True)
    workspace.receipt.write_bytes(text if isinstance(text, bytes) else text.encode())
    client = SimpleNamespace(access=SimpleNamespace(identity="x"))
    assert pull._lacking(workspace, client, None) == ""
    workspace.receipt.write_text('{"server": "x", "tasks": {"v0-f10-0-25": 3}}')
    assert pull._lacking(workspace, client, None)
