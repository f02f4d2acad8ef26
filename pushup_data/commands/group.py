"""What all groups of commands share: their order, and how errors are said."""

import sys

import click

from pushup_data.errors import PushupDataError


class Group(click.Group):
    """Lists commands in the order they are written; turns our errors into one line and exit code 1."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order in which they were added."""
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> object:
        """Run, saying our own errors in one line."""
        try:
            return super().invoke(ctx)
        except PushupDataError as e:
            click.echo(f"error: {e}", err=True)
            sys.exit(1)
