"""`make demo`: two rounds of the loop in a scratch workspace, with replayed annotators.

Until the project makes videos of its own, the demo needs real clips: PUSHUP_REAL_DATA names a folder with
clips.csv (clip_id, file, scene, collection), ratings.csv and the videos.
"""

import csv
import os
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import click
import yaml

from pushup_data import params, progress, scaffold
from pushup_data.errors import MissingInputError, PushupDataError
from pushup_data.workspace import CHECKOUT, Workspace

FOLDER = CHECKOUT / "demo"
CLIPS = 40


def real_data() -> Path:
    """Return the folder with real clips. Raises MissingInputError where PUSHUP_REAL_DATA names none."""
    named = os.environ.get("PUSHUP_REAL_DATA")
    if not named or not (Path(named) / "clips.csv").exists():
        raise MissingInputError(
            "the demo needs real clips: set PUSHUP_REAL_DATA to a folder with clips.csv, ratings.csv and the "
            "videos; or use your own videos: put them into data/raw and run `dvc repro`"
        )
    return Path(named)


def fill(workspace: Workspace, source: Path, count: int) -> list[str]:
    """Copy `count` clips into data/raw with a manifest, in turn from every scene; return their names."""
    with (source / "clips.csv").open(newline="", encoding="utf-8") as file:
        clips = list(csv.DictReader(file))
    scenes: dict[str, list[dict[str, str]]] = defaultdict(list)
    for clip in clips:
        scenes[clip["scene"]].append(clip)
    turns = max(map(len, scenes.values()))
    in_turn = [s[i] for i in range(turns) for s in scenes.values() if i < len(s)]
    chosen = in_turn[:count]
    workspace.raw.mkdir(parents=True, exist_ok=True)
    for clip in chosen:
        target = workspace.raw / Path(clip["file"]).name
        if not target.exists():
            shutil.copyfile(source / clip["file"], target)
    with workspace.manifest.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "subject", "camera", "source", "licence", "consent"])
        for clip in chosen:
            licence = "not redistributable"
            name = Path(clip["file"]).name
            writer.writerow([name, clip["scene"], "", clip["collection"], licence, "unknown"])
    return [Path(clip["file"]).name for clip in chosen]


def configure(workspace: Workspace, **sections: dict[str, object]) -> None:
    """Change single settings of params.yaml, e.g. `labelstudio={"overlap": 3}`."""
    settings = yaml.safe_load(workspace.params.read_text(encoding="utf-8"))
    for section, changes in sections.items():
        settings[section].update(changes)
    workspace.params.write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")
    params.load(workspace.params)


def repro(workspace: Workspace, *arguments: str, capture: bool = False) -> str:
    """Run `dvc repro` in the workspace; return what it said with `capture`. Raises where it fails."""
    environment = dict(os.environ)
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    result = subprocess.run(
        [sys.executable, "-m", "dvc", "repro", *arguments],
        cwd=workspace.root,
        env=environment,
        stdout=subprocess.PIPE if capture else None,
        stderr=subprocess.STDOUT if capture else None,
        text=True,
        check=False,
    )
    if result.returncode != 0:
        said = (result.stdout or "").strip().splitlines()[-12:]
        raise PushupDataError(f"`dvc repro` failed in {workspace.root}: {' | '.join(said)}")
    return result.stdout or ""


@click.group()
def main() -> None:
    """Two rounds of the loop, end to end."""


@main.command()
def start() -> None:
    """Run both rounds and leave Label Studio and FiftyOne running."""
    from pushup_data import fiftyone_app
    from pushup_data.labelstudio import replay

    try:
        source = real_data()
        for line in scaffold.init(FOLDER):
            click.echo(line)
        os.chdir(FOLDER)
        workspace = Workspace.here()
        configure(workspace, labelstudio={"overlap_share": 1.0, "title": "push-up demo"})
        fill(workspace, source, CLIPS)
        click.echo(f"\n== round 1: {CLIPS} clips, no label yet ==")
        repro(workspace)
        click.echo("\n== two simulated annotators answer the queue ==")
        click.echo(replay.run(workspace, params.load(workspace.params), source / "ratings.csv"))
        click.echo("\n== round 2: labels, model, the next queue ==")
        repro(workspace)
        fiftyone_app.run(workspace, port=5151, detach=True)
        click.echo("\n" + progress.report(workspace, params.load(workspace.params)))
        click.echo(f"\nThe workspace is {FOLDER}; `make demo-stop` stops both servers.")
    except PushupDataError as e:
        click.echo(f"error: {e}", err=True)
        sys.exit(1)


@main.command()
def stop() -> None:
    """Stop Label Studio, FiftyOne and MongoDB of the demo."""
    from pushup_data import fiftyone_app
    from pushup_data.labelstudio import server

    if not FOLDER.exists():
        click.echo("there is no demo")
        return
    workspace = Workspace(FOLDER)
    click.echo(server.stop(workspace))
    click.echo(fiftyone_app.stop(workspace))


if __name__ == "__main__":
    main()
