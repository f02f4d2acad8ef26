"""`pushup-data labelstudio …`."""

from pathlib import Path

import click

from pushup_data import params
from pushup_data.commands.group import Group
from pushup_data.workspace import Workspace


@click.group(cls=Group)
def labelstudio() -> None:
    """Start, stop and look after the local Label Studio.

    Set LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY to use another server instead.

    \b
    Example:
      pushup-data labelstudio start
    """


@labelstudio.command("start")
def labelstudio_start() -> None:
    """Start the local server on 127.0.0.1; it goes on running after this command.

    \b
    Example:
      pushup-data labelstudio start
    """
    from pushup_data.labelstudio import server

    workspace = Workspace.here()
    click.echo(server.start(workspace, params.load(workspace.params).labelstudio))


@labelstudio.command("stop")
def labelstudio_stop() -> None:
    """Stop the local server.

    \b
    Example:
      pushup-data labelstudio stop
    """
    from pushup_data.labelstudio import server

    click.echo(server.stop(Workspace.here()))


@labelstudio.command("status")
def labelstudio_status() -> None:
    """Say whether the server is up, where, and how to log in.

    \b
    Example:
      pushup-data labelstudio status
    """
    from pushup_data.labelstudio import server

    click.echo(server.status(Workspace.here()))


@labelstudio.command("invite")
@click.argument("who", metavar="NAME")
@click.option("--new-password", is_flag=True, help="They have an account and lost the password.")
def labelstudio_invite(who: str, new_password: bool) -> None:
    """Make an annotator's account for NAME (a name or a mail address), and print how to log in.

    \b
    Example:
      pushup-data labelstudio invite "Anna Schmidt"
    """
    from pushup_data.labelstudio import users

    workspace = Workspace.here()
    settings = params.load(workspace.params).labelstudio
    click.echo(users.invite(workspace, settings, who, new_password=new_password))


@labelstudio.command("backup")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def labelstudio_backup(file: Path) -> None:
    """Copy the local server's database, uploads and secrets into FILE; it may be running.

    \b
    Example:
      pushup-data labelstudio backup ~/labelstudio-2026-11-24.tar.gz
    """
    from pushup_data.labelstudio import backup

    click.echo(backup.make(Workspace.here(), file))


@labelstudio.command("restore")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--overwrite", is_flag=True, help="Replace the server that is there; it is kept beside.")
def labelstudio_restore(file: Path, overwrite: bool) -> None:
    """Bring back the local server from FILE, a backup.

    \b
    Example:
      pushup-data labelstudio restore ~/labelstudio-2026-11-24.tar.gz
    """
    from pushup_data.labelstudio import backup

    click.echo(backup.restore(Workspace.here(), file, overwrite=overwrite))


@labelstudio.command("sets")
@click.argument("videos", nargs=-1, required=True, metavar="VIDEO...")
def labelstudio_sets(videos: tuple[str, ...]) -> None:
    """Let people see VIDEOs whole, repair the bounds of their reps and say what is wrong with each.

    VIDEO is a video_id, or the file's name below data/raw. The tasks are in a project of their own; the next
    `dvc repro` fetches bounds and labels. Videos of val and test subjects are refused: what measures is drawn
    at random.

    \b
    Example:
      pushup-data labelstudio sets monday/set-3.mp4
    """
    from pushup_data.labelstudio import sets

    workspace = Workspace.here()
    click.echo(sets.run(workspace, params.load(workspace.params), videos))
