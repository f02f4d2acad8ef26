"""`pushup-data labels …`: the stage, and what people do with labels by hand."""

from pathlib import Path

import click

from pushup_data import params
from pushup_data.commands.group import Group
from pushup_data.errors import BadInputError
from pushup_data.workspace import Workspace

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.group(cls=Group, invoke_without_command=True)
@click.pass_context
def labels(context: click.Context) -> None:
    """Make one consensus label per (rep, error) from the ledger.

    That is the stage, without a further word. With one: look at the ledger, or exchange labels with others.

    \b
    Example:
      pushup-data labels
    """
    if context.invoked_subcommand is None:
        from pushup_data.stages import labels as stage

        workspace = Workspace.here()
        stage.run(workspace, params.load(workspace.params))


@labels.command("log")
@click.argument("rep")
def labels_log(rep: str) -> None:
    """Tell the whole story of the labels of REP (a rep_id, or how only one begins).

    \b
    Example:
      pushup-data labels log 3f2a9c81d7e0-f112
    """
    from pushup_data import history

    for line in history.of_rep(Workspace.here(), rep):
        click.echo(line)


@labels.command("export")
@click.argument("file", type=_FILE)
def labels_export(file: Path) -> None:
    """Write the labels to FILE: every version (.csv), or what Label Studio imports (.json).

    \b
    Example:
      pushup-data labels export labels.csv
    """
    from pushup_data import exchange

    click.echo(exchange.export(Workspace.here(), file))


@labels.command("import")
@click.argument("file", type=_FILE)
@click.option(
    "--annotator",
    "people",
    metavar="NUMBER=MAIL",
    multiple=True,
    help="Who is meant by a number in Label Studio's own export; once for each.",
)
def labels_import(file: Path, people: tuple[str, ...]) -> None:
    """Add the labels in FILE (.csv, or Label Studio's .json) to the ledger; what is there stays.

    \b
    Example:
      pushup-data labels import labels.csv
    """
    from pushup_data import exchange

    named: dict[int, str] = {}
    for pair in people:
        number, _, mail = pair.partition("=")
        if not number.isdigit() or "@" not in mail:
            raise BadInputError(f"--annotator {pair}: write it as 3=anna@example.org")
        named[int(number)] = mail
    click.echo(exchange.load(Workspace.here(), file, named))
