"""The labeling config of a rep task, made from the taxonomy, and how answers read in its terms."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any
from xml.sax.saxutils import quoteattr

from pushup_data.labelstudio import player
from pushup_data.taxonomy import Taxonomy, Value

# Beside the digits of the errors: the row of keys below, but for `u`, by which Label Studio leaves a region.
_UNSURE_KEYS = "qwertyiop"
NOT_USABLE = "not_usable"
CANT_TELL = "can't tell"
# Every prediction's version. Label Studio fills in only those of the version that the project names, and
# its task list breaks on null; who predicted stands in the task's `shown`.
VERSION = "pushup-data"
OF_SETS = ", whole sets"  # what the title of the project of sets (set_config) has beyond that of the reps'
BLIND = "blind"  # `shown` of a task without the machine's opinion

_NO_ERRORS = {NOT_USABLE, player.SKELETON, player.SLOW, "bounds_only"}  # boxes that stay as they are

Result = list[dict[str, Any]]


def boxes_of(taxonomy: Taxonomy, kept: Iterable[str] = ()) -> tuple[list[str], list[str], str]:
    """Return the XML of the boxes: of each error, of "can't tell", and of "not usable"."""
    errors = [
        f"<Choice value={quoteattr(e.id)} html={quoteattr(e.title)} hotkey={quoteattr(e.hotkey)}"
        f" hint={quoteattr(e.looks_like)}/>"
        for e in taxonomy.errors
    ]
    unsure = [
        f"<Choice value={quoteattr(e.id)} html={quoteattr(CANT_TELL)} hotkey={quoteattr(key)}"
        f" hint={quoteattr(e.title + ': this video does not show it')}/>"
        for e, key in zip(taxonomy.errors, unsure_keys(taxonomy).values(), strict=True)
    ]
    old = [
        f'<Choice value={quoteattr(name)} hint="no longer used"/>'
        for name in sorted(set(kept) - {*taxonomy.ids})
    ]
    usable = (
        f'<Choice value="{NOT_USABLE}" html="Not usable" hotkey="x"'
        ' hint="No push-up, badly cut, or several people and not clear who is meant"/>'
    )
    return [*errors, *old], [*unsure, *old], usable


def render(taxonomy: Taxonomy, kept: Iterable[str] = ()) -> str:
    """Return the XML. `kept` are errors no longer in the taxonomy whose labels are in use: they stay."""
    errors, unsure, usable = boxes_of(taxonomy, kept)
    lines = [
        f"<View>\n  <Style>{player.STYLE}  </Style>",
        '  <View className="rep-task" style="display:flex;gap:16px;align-items:flex-start">',
        '    <View style="flex:1 1 0;min-width:0;overflow:hidden">',
        # Not the Video tag: that one waits for a click and cannot repeat; this plays and repeats by itself.
        # One data key only: with more, Label Studio takes no uploads.
        '      <HyperText name="clip" value="$player" inline="true"/>',
        "    </View>",
        '    <View style="flex:0 0 350px">',
        '      <Header size="5" value="What is wrong? Nothing ticked: a good repetition."/>',
        '      <View style="display:flex;gap:8px">',
        '        <Choices name="errors" toName="clip" choice="multiple">',
        *(f"          {line}" for line in errors),
        "        </Choices>",
        '        <Choices name="unsure" toName="clip" choice="multiple">',
        *(f"          {line}" for line in unsure),
        "        </Choices>",
        "      </View>",
        '      <Choices name="usable" toName="clip" choice="multiple">',
        f"        {usable}",
        "      </Choices>",
        '      <TextArea name="note" toName="clip" rows="1" maxSubmissions="1" editable="true"'
        ' placeholder="Note"/>',
        '      <Choices name="viewed" toName="clip" choice="multiple" layout="inline">',
        f'        <Choice value="{player.SKELETON}" html="Skeleton" hotkey="s"/>',
        f'        <Choice value="{player.SLOW}" html="Half speed" hotkey="d"/>',
        "      </Choices>",
        "    </View>",
        "  </View>",
        "</View>",
    ]
    return "\n".join(lines) + "\n"


def unsure_keys(taxonomy: Taxonomy) -> dict[str, str]:
    """Return the key that says "can't tell" of each error."""
    return dict(zip(taxonomy.ids, _UNSURE_KEYS, strict=False))


def choices(config: str) -> set[str]:
    """Return the errors that have a box in a labeling config."""
    return set(re.findall(r'<Choice value="([^"]+)"', config)) - _NO_ERRORS


def ticked(errors: Sequence[str], unsure: Sequence[str], *, usable: bool = True) -> Result:
    """Return Label Studio's JSON of these boxes being ticked; no region for none."""
    groups = (("errors", errors), ("unsure", unsure), ("usable", [] if usable else [NOT_USABLE]))
    return [
        {"from_name": name, "to_name": "clip", "type": "choices", "value": {"choices": list(values)}}
        for name, values in groups
        if values
    ]


def written(text: str) -> Result:
    """Return Label Studio's JSON of a note; none for no text."""
    value = {"text": [text]}
    return [{"from_name": "note", "to_name": "clip", "type": "textarea", "value": value}] if text else []


def boxes(result: Result, name: str) -> list[str]:
    """Return which boxes of one group are ticked."""
    return [c for r in result if r.get("from_name") == name for c in r["value"].get("choices", [])]


def note(result: Result) -> str:
    """Return what was written as a note."""
    texts = [t for r in result if r.get("from_name") == "note" for t in _texts(r["value"])]
    return " ".join(t.strip() for t in texts)


def boxed(data: Mapping[str, Any], taxonomy: Taxonomy) -> Collection[str]:
    """Return the errors that are known to have had a box when a task with this data was answered.

    Errors that came into the taxonomy after the task was made are not among them. Of a task that does not say
    its boxes and is of an older taxonomy, none is known to.
    """
    if "boxes" in data:
        return list(data["boxes"])
    return taxonomy.ids if data["taxonomy"] >= taxonomy.version else ()


def answer(
    result: Result, view: str, taxonomy: Taxonomy, boxed: Collection[str] | None = None
) -> tuple[bool, dict[str, Value]]:
    """Return whether the rep is usable, and the value of each error that had a box (`boxed`; None: all).

    Ticked is present; "can't tell", alone or beside a tick, is unknown; not ticked is absent only where the
    view shows the error. Of a rep that is not usable nothing is known.
    """
    usable = NOT_USABLE not in boxes(result, "usable")
    errors, unsure = set(boxes(result, "errors")), set(boxes(result, "unsure"))
    values: dict[str, Value] = {}
    for error in taxonomy.errors:
        if boxed is not None and error.id not in {*boxed, *errors, *unsure}:
            continue
        if not usable or error.id in unsure:
            values[error.id] = "unknown"
        elif error.id in errors:
            values[error.id] = "present"
        else:
            values[error.id] = "absent" if error.judged_from(view) else "unknown"
    return usable, values


def _texts(value: Mapping[str, Any]) -> list[str]:
    text = value.get("text", [])
    return [text] if isinstance(text, str) else list(text)
