import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from pushup_data import scaffold
from pushup_data.errors import BadInputError
from pushup_data.workspace import CHECKOUT, PACKAGE, TEMPLATE, Workspace


def test_a_workspace_is_complete_and_a_second_init_leaves_it_alone(tmp_path):
    root = tmp_path / "w"
    scaffold.init(root)
    (root / "params.yaml").write_text("mine")
    before = {p: p.read_bytes() for p in root.rglob("*") if p.is_file() and ".git/" not in str(p)}
    assert "complete already" in scaffold.init(root)[0]
    assert {p: p.read_bytes() for p in before} == before


def test_the_pipeline_depends_on_the_installed_code(tmp_path):
    scaffold.init(tmp_path / "w")
    stages = yaml.safe_load((tmp_path / "w" / "dvc.yaml").read_text())
    assert stages["vars"] == [{"code": str(PACKAGE)}]


def test_every_code_dependency_of_the_pipeline_exists():
    pipeline = yaml.safe_load((TEMPLATE / "dvc.yaml").read_text())
    for name, stage in pipeline["stages"].items():
        code = [d for d in stage.get("deps", []) if d.startswith("${code}")]
        for dependency in code:
            path = PACKAGE / dependency.removeprefix("${code}/")
            assert path.is_file(), f"{name}: {dependency} (folders would hold __pycache__)"


# They read, write, and speak to programs; what tables hold is a dependency by its own file.
_PLUMBING = {
    "documents.py",
    "errors.py",
    "ffmpeg.py",
    "files.py",
    "labelstudio/server.py",
    "landmarks.py",
    "ledger.py",
    "locks.py",
    "params.py",
    "tables.py",
    "taxonomy.py",
    "video.py",
    "workers.py",
    "workspace.py",
}
# Imported for a type, never called.
_FOR_TYPES = {"evaluate": {"model/curves.py"}, "predict": {"model/training.py"}}


def _imported(module):
    """Return the package's files that a file of the package imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse((PACKAGE / module).read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == PACKAGE.name:
            place = Path(*node.module.split(".")[1:])
            files = [place.with_suffix(".py")] if place.parts else []
            files += [place / f"{name.name}.py" for name in node.names]
            found |= {file.as_posix() for file in files if (PACKAGE / file).is_file()}
    return found


def test_every_stage_names_the_code_that_it_runs():
    pipeline = yaml.safe_load((TEMPLATE / "dvc.yaml").read_text())
    for name, stage in pipeline["stages"].items():
        code = {d.removeprefix("${code}/") for d in stage.get("deps", []) if d.startswith("${code}")}
        called = set().union(*(_imported(module) for module in code)) - _FOR_TYPES.get(name, set())
        assert called - code - _PLUMBING == set(), f"{name} in dvc.yaml would not run again when these change"


def test_a_workspace_inside_another_repository(tmp_path):
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    scaffold.init(tmp_path / "w")
    assert not (tmp_path / "w" / ".git").exists()
    ran = subprocess.run([sys.executable, "-m", "dvc", "status"], cwd=tmp_path / "w", check=False)
    assert ran.returncode == 0


def test_a_file_in_the_way(tmp_path):
    (tmp_path / "w").write_text("")
    with pytest.raises(BadInputError, match="is a file"):
        scaffold.init(tmp_path / "w")


def test_a_wheel_takes_along_all_that_is_read_from_the_installation():
    settings = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())
    included = settings["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert {to for to in included.values() if not to.startswith("pushup_data/template/")} == set()
    assert {to.removeprefix("pushup_data/template/") for to in included.values()} == set(included)
    released = Workspace(CHECKOUT).released.relative_to(TEMPLATE).as_posix()
    for name in (*scaffold._COPIED, "dvc.yaml", released):
        assert (CHECKOUT / name).exists()
        assert any(name == path or name.startswith(f"{path}/") for path in included), name
