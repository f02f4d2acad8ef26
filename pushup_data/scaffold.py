"""Make a folder a workspace: `pushup-data init`."""

import shutil
import subprocess
import sys
from pathlib import Path

from pushup_data import files, plots_page
from pushup_data.errors import BadInputError, MissingInputError
from pushup_data.workspace import PACKAGE, TEMPLATE, Workspace

_COPIED = (
    "params.yaml",
    "labeling_config/taxonomy.yaml",
    "labeling_config/rep.xml",
    "labeling_config/set.xml",
    "models/champion/README.md",
    "data/raw/.gitkeep",
    ".gitignore",
    ".dvcignore",
)


def init(directory: Path) -> list[str]:
    """Write what is missing of a workspace, with git and DVC; return lines that say what was done.

    Nothing that is there is overwritten, but for dvc.yaml's note of where the package is installed: on a
    clone that came from another machine, running this again puts it right.
    """
    if directory.exists() and not directory.is_dir():
        raise BadInputError(f"{directory} is a file; name a folder")
    directory.mkdir(parents=True, exist_ok=True)
    done = []
    for name in _COPIED:
        target = directory / name
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(TEMPLATE / name, target)
            done.append(name)
    if _pipeline(directory):
        done.append("dvc.yaml")
    if not _inside_git(directory):
        _run(["git", "init", "--quiet"], directory)
        done.append("git repository")
    if not (directory / ".dvc").exists():
        top = (directory / ".git").exists()
        _run([*_DVC, "init", "--quiet", *([] if top else ["--subdir"])], directory)
        files.write_text(directory / ".dvc" / "config", _DVC_CONFIG)
        done.append("DVC")
    if _page(directory):
        done.append("the page of `dvc plots show`")
    made = f"{directory}: made {', '.join(done)}" if done else f"{directory}: was complete already"
    return [made, f"next: cd {directory}, put videos into data/raw, run `dvc repro`"]


_DVC = [sys.executable, "-m", "dvc"]
_DVC_CONFIG = """[core]
    analytics = false
    check_update = false
    autostage = false
"""


def _page(directory: Path) -> bool:
    """Write the page that draws plots without a network, and tell DVC of it on this machine only.

    Neither is in git: DVC does not draw where its page is missing, and a clone has none until it is made.
    """
    page, told = Workspace(directory).plots_page, directory / ".dvc" / "config.local"
    if page.exists() and told.exists():
        return False
    plots_page.write(page)
    if told.exists():
        _run([*_DVC, "config", "--local", "plots.html_template", _PAGE], directory)
    else:
        files.write_text(told, f"[plots]\n    html_template = {_PAGE}\n")
    return True


_PAGE = "../.pushup/plots.html"  # as seen from .dvc


def _pipeline(directory: Path) -> bool:
    """Write dvc.yaml with the place of this installation's code, which its stages depend on."""
    target = directory / "dvc.yaml"
    if directory.resolve() == TEMPLATE.resolve():
        return False  # the clone itself: `code: pushup_data` is right
    source = (target if target.exists() else TEMPLATE / "dvc.yaml").read_text(encoding="utf-8")
    lines = [
        f"  - code: {PACKAGE}   # where the code is that the stages depend on" if "- code:" in line else line
        for line in source.splitlines()
    ]
    text = "\n".join(lines) + "\n"
    if target.exists() and target.read_text(encoding="utf-8") == text:
        return False
    target.write_text(text, encoding="utf-8")
    return True


def _inside_git(directory: Path) -> bool:
    """Whether a repository keeps this folder: one that ignores it (as a clone does its demo/) does not."""
    if shutil.which("git") is None:
        raise MissingInputError("git is not installed, and the ledger of labels is kept in it; install git")
    inside = subprocess.run(["git", "rev-parse"], cwd=directory, capture_output=True, check=False)
    if inside.returncode != 0:
        return False
    ignored = subprocess.run(["git", "check-ignore", "--quiet", "."], cwd=directory, check=False)
    return ignored.returncode != 0


def _run(command: list[str], directory: Path) -> None:
    result = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        last = (result.stderr or result.stdout).strip().splitlines()[-1:]
        raise BadInputError(f"{directory}: `{' '.join(command[-3:])}` failed: {' '.join(last)}")
