"""`pushup-data avatar …`."""

from pathlib import Path

import click

from pushup_data.commands.group import Group


@click.group(cls=Group)
def avatar() -> None:
    """Make push-up videos of known form: a rendered body, and the truth about every repetition.

    \b
    Example:
      pushup-data avatar render --sets 30 --out avatars
    """


@avatar.command()
@click.option("--sets", type=click.IntRange(1), default=30, show_default=True, help="How many videos.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Same seed, same videos.")
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="The folder to fill."
)
@click.option(
    "--reps",
    type=(click.IntRange(1), click.IntRange(1)),
    default=(3, 12),
    show_default=True,
    help="Repetitions per set, at least and at most.",
)
@click.option("--fps", type=click.FloatRange(5, 60), default=15, show_default=True, help="Frames per second.")
@click.option(
    "--view",
    type=click.Choice(["side", "oblique", "front"]),
    help="Where all cameras stand; default: a mixture.",
)
@click.option(
    "--flaws",
    type=click.FloatRange(0, 1),
    default=0.08,
    show_default=True,
    help="Share of sets that are too dark, blurred, hidden or cut off, for the quality gate to catch.",
)
def render(
    *, sets: int, seed: int, out: Path, reps: tuple[int, int], fps: float, view: str | None, flaws: float
) -> None:
    """Render SETS videos into OUT, with manifest.csv and truth.parquet.

    An interrupted run goes on where it was. The folder can be copied into data/raw as it is.

    \b
    Example:
      pushup-data avatar render --sets 30 --seed 1 --reps 3 5 --out avatars
    """
    from pushup_data.avatar.sets import Recipe
    from pushup_data.avatar.sets import render as make
    from pushup_data.errors import BadInputError

    if reps[0] > reps[1]:
        raise BadInputError(f"--reps {reps[0]} {reps[1]}: write the smaller number first")
    views = {view: 1.0} if view else None
    recipes = [
        Recipe(seed=seed, number=i, reps=reps, fps=fps, views=views, flaw_share=flaws) for i in range(sets)
    ]
    truth = make(recipes, out)
    made = truth.filter(truth["file"].is_in([r.name for r in recipes]))
    click.echo(
        f"avatar: {len(made)} sets with {made['reps'].list.len().sum()} repetitions "
        f"by {made['subject'].n_unique()} bodies in {out}"
    )


@avatar.command()
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="The folder to fill."
)
def sheets(out: Path) -> None:
    """Draw contact sheets: every error from every view, at three severities, beside a right rep.

    \b
    Example:
      pushup-data avatar sheets --out docs/images/avatar
    """
    from pushup_data.avatar.sheets import draw

    for path in draw(out):
        click.echo(f"drew {path}")
