"""The coach's page: what counts as which error, what doesn't, and from which view.

python -m pushup_data.coach_guide > docs/coach-guide.md
"""

import click

from pushup_data import taxonomy
from pushup_data.labelstudio import config
from pushup_data.taxonomy import FormError, Taxonomy, View
from pushup_data.workspace import TEMPLATE

PICTURES = "images/avatar"  # below docs/: <error id>.jpg, made by `pushup-data avatar sheets`

_VIEWS: dict[View, str] = {"side": "from the side", "oblique": "obliquely", "front": "from the front"}

_HEAD = """# The coach's page

Log in at the address you were given, open the project and press "Label All Tasks". One task is one
repetition, which plays again and again. Tick what is wrong with *this* repetition; nothing ticked means a
good one. What the machine thinks may be ticked already, "can't tell" too: correct it where it is wrong, it
is there to save you keys.

| keys | |
|---|---|
| `{first}` … `{last}` | tick an error, again to untick it |
| {unsure} | can't tell this error from this video |
| `s`, `d` | show the skeleton; half the speed |
| `x` | not usable: no push-up, badly cut, or several people and not clear who is meant |
| `Ctrl+Enter` | submit |
| `Ctrl+Space` | skip: you would rather not say anything |

**If you are not sure, say "can't tell".** A wrong tick teaches the machine something wrong; a "can't tell"
only teaches it nothing. From a view that cannot show an error nothing needs to be said: it counts as "can't
tell" by itself. A repetition may have several errors: tick them all. Judge what you see, not what you expect
of the person.
"""


def page(known: Taxonomy) -> str:
    """Return docs/coach-guide.md."""
    keys = config.unsure_keys(known)
    head = _HEAD.format(
        first=known.errors[0].hotkey,
        last=known.errors[-1].hotkey,
        unsure=" ".join(f"`{keys[e.id]}`" for e in known.errors),
    )
    parts = [_part(error, keys[error.id]) for error in known.errors]
    end = f"Made from `labeling_config/taxonomy.yaml`, version {known.version}; change it there."
    return "\n".join([head, *parts, end]) + "\n"


def _part(error: FormError, unsure: str) -> str:
    hidden = [words for view, words in _VIEWS.items() if not error.judged_from(view)]
    seen = _listed([words for view, words in _VIEWS.items() if error.judged_from(view)])
    views = f"Seen {seen}" + (f"; not {_listed(hidden)}." if hidden else ": every view shows it.")
    lines = [
        f"## {error.title} (`{error.hotkey}`, can't tell `{unsure}`)",
        "",
        f"![{error.title}: right and wrong]({PICTURES}/{error.id}.jpg)",
        "",
        error.looks_like,
        "",
    ]
    lines += [f"- **Counts:** {error.counts}"] if error.counts else []
    lines += [f"- **Doesn't count:** {error.counts_not}"] if error.counts_not else []
    return "\n".join([*lines, f"- **View:** {views}", ""])


def _listed(words: list[str]) -> str:
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


if __name__ == "__main__":
    click.echo(page(taxonomy.load(TEMPLATE / "labeling_config" / "taxonomy.yaml")), nl=False)
