"""Put new subjects into train, val or test."""

import click

from pushup_data import files, splits, tables
from pushup_data.params import Params
from pushup_data.workspace import Workspace


def run(workspace: Workspace, params: Params) -> None:
    """Append to assignments.csv and write metrics/split.json."""
    reps = tables.read(tables.REPS, workspace.reps)
    rules = tables.read(tables.RULES, workspace.rules)
    existing = tables.read(tables.ASSIGNMENTS, workspace.assignments, default_empty=True)
    assignments = splits.assign(existing, reps, rules, params.split, params.seed)
    tables.write(tables.ASSIGNMENTS, assignments, workspace.assignments)
    # From the file, as every later stage will read it.
    written = tables.read(tables.ASSIGNMENTS, workspace.assignments)
    found = splits.summary(written, reps, rules)
    files.write_json(workspace.metrics / "split.json", found)
    sizes = ", ".join(f"{n} {split}" for split, n in found["subjects"].items())
    click.echo(
        f"split: {len(assignments) - len(existing)} subjects placed, {len(existing)} kept; now {sizes}"
    )
    for warning in found["warnings"]:
        click.echo(f"split: {warning}")
