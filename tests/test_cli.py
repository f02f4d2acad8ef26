import click
import pytest
from click.testing import CliRunner

from pushup_data.cli import main


def commands(group: click.Group = main, path: tuple[str, ...] = ()):
    for name, command in group.commands.items():
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


@pytest.mark.parametrize(
    ("path", "command"), list(commands()), ids=lambda x: " ".join(x) if isinstance(x, tuple) else ""
)
def test_every_command_has_help_with_an_example(path, command):
    result = CliRunner().invoke(main, [*path, "--help"])
    assert result.exit_code == 0
    example = result.output.partition("Example:\n")[2]
    assert f"pushup-data {' '.join(path)}" in example
    for option in command.params:
        if isinstance(option, click.Option):
            assert option.help, f"{option.name} has no help"


def test_commands_are_listed_in_the_order_of_the_loop():
    listed = CliRunner().invoke(main, ["--help"]).output
    order = "ingest pose pull reps split labels train evaluate predict select push curate".split()
    places = [listed.index(f"\n  {name} ") for name in order]
    assert places == sorted(places)


def test_outside_a_workspace_one_line_and_exit_code_1(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, ["ingest"])
    assert result.exit_code == 1
    assert result.output.count("\n") == 1
    assert "pushup-data init" in result.output
