"""Pictures and tables of an evaluation, for `dvc plots` and for people."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pushup_data import files
from pushup_data.verdict import SPEAKERS

_COLOURS = {
    "rules": "#8c8c8c",
    "majority": "#d9d9d9",
    "forest": "#8c6d31",
    "boosting": "#e7ba52",
    "committee": "#843c39",
    "cnn-only": "#d6616b",
    "lstm-only": "#a55194",
    "candidate": "#1f77b4",
    "champion": "#2ca02c",
}
_MODELS = SPEAKERS[1:]  # whose calibration is drawn


def write(found: dict[str, Any], splits: Sequence[str], folder: Path) -> None:
    """Write the tables and pictures of metrics/evaluation.json's splits below plots/."""
    for split in splits:
        row = found[split]
        for name, table, picture in (
            ("evaluation", bars, draw),
            ("calibration", reliability, draw_reliability),
            ("coverage", coverage, draw_coverage),
        ):
            files.write_text(folder / name / f"{split}.csv", table(row))
            picture(row, split, folder / name / f"{split}.png")


def reliability(split: dict[str, Any]) -> str:
    """Return CSV for `dvc plots`: a row per bin of the reliability diagrams, a column per model and time."""
    columns = [f"{name} {when}" for name in _MODELS for when in ("before", "after")]
    rows = [
        {"said": each["said"], f"{name} {when}": each["came_true"], "count": each["count"]}
        for name in _MODELS
        for when, found in split["reliability"].get(name, {}).items()
        for each in found
    ]
    return _csv(["said", *columns, "count"], sorted(rows, key=lambda row: row["said"]))


def coverage(split: dict[str, Any]) -> str:
    """Return CSV for `dvc plots`: a row per coverage, a column per predictor and metric."""
    metrics = ("accuracy", "f1")
    columns = [f"{name}_{metric}" for metric in metrics for name in _COLOURS]
    rows: dict[float, dict[str, Any]] = {}
    for name, curve in split["coverage"].items():
        for at in curve:
            row = rows.setdefault(at["coverage"], {"coverage": at["coverage"]})
            row |= {f"{name}_{metric}": at[metric] for metric in metrics}
    return _csv(["coverage", *columns], list(rows.values()))


def _csv(columns: Sequence[str], rows: Sequence[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def bars(split: dict[str, Any]) -> str:
    """Return CSV for `dvc plots`: a row per (error, predictor) of one split of metrics/evaluation.json.

    What is not defined (no positives) has no row: a bar of length 0 would be a lie.
    """
    rows = [
        {"bar": f"{error} ({name})", "error": error, "predictor": name, "ap": each["ap"], "f1": each["f1"]}
        for error, row in split["errors"].items()
        for name in split["macro"]
        if (each := row[name])["ap"] is not None
    ]
    return _csv(["bar", "error", "predictor", "ap", "f1"], rows)


def draw(split: dict[str, Any], title: str, path: Path) -> None:
    """Draw AP and F1 per error as bars with their intervals, predictors side by side, as a PNG."""
    from matplotlib.figure import Figure

    errors, predictors = list(split["errors"]), list(split["macro"])
    height = 0.8 / len(predictors)
    tall = max(0.75, 0.16 * len(predictors))  # a line of text per bar
    figure = Figure(figsize=(12, 1.2 + tall * len(errors)), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    # What nobody can be measured on is said once.
    undefined = {e: _reason(split["errors"][error], predictors) for e, error in enumerate(errors)}
    for axis, metric in zip(axes, ("ap", "f1"), strict=True):
        for e, why in undefined.items():
            if why:
                axis.text(0.01, e, why, va="center", fontsize=8, color="#666666", in_layout=False)
        for p, predictor in enumerate(predictors):
            for e, error in enumerate(errors):
                found, at = split["errors"][error][predictor], e + (p + 0.5) * height - 0.4
                if undefined[e]:
                    continue
                if found[metric] is None:
                    why = f"{predictor}: {found['reason']}"
                    axis.text(0.01, at, why, va="center", fontsize=7, color="#666666", in_layout=False)
                    continue
                axis.barh(at, found[metric], height * 0.9, color=_COLOURS[predictor])
                if found[f"{metric}_low"] is not None:
                    axis.hlines(at, found[f"{metric}_low"], found[f"{metric}_high"], color="black", lw=1)
        axis.set(xlim=(0, 1), ylim=(len(errors) - 0.5, -0.5))
        axis.set_xlabel(f"{metric.upper()} (line: 95 % interval over subjects)")
        axis.set_yticks(range(len(errors)), [_tick(split["errors"][error], error) for error in errors])
    handles = [axes[0].barh(-2, 0, color=_COLOURS[predictor]) for predictor in predictors]
    figure.legend(handles, predictors, loc="outside lower center", ncols=len(predictors))
    figure.suptitle(f"{title}: {split['reps']} labelled reps of {split['subjects']} subjects")
    _save(figure, path)


def draw_reliability(split: dict[str, Any], title: str, path: Path) -> None:
    """Draw, per model, how often it came true against what was said, before and after."""
    from matplotlib.figure import Figure

    drawn = {n: found for n in _MODELS if (found := split["reliability"].get(n, {})).get("after")}
    columns = max(1, len(drawn))
    figure = Figure(figsize=(4.5 * columns + 0.5, 5), layout="constrained")
    axes = figure.subplots(1, columns, squeeze=False)[0]
    for axis, (name, found) in zip(axes, drawn.items(), strict=False):
        axis.plot([0, 1], [0, 1], color="#cccccc", lw=1)
        for when, colour, marker in (("before", "#aaaaaa", "s"), ("after", _COLOURS[name], "o")):
            said, came_true, count = ([b[key] for b in found[when]] for key in ("said", "came_true", "count"))
            ece = split["macro"][name]["ece" if when == "after" else "ece_before"]
            axis.plot(said, came_true, color=colour, lw=1, label=f"{when} calibration: ECE {ece:.2f}")
            sizes = [10 + 150 * n / sum(count) for n in count]
            axis.scatter(said, came_true, s=sizes, color=colour, marker=marker, clip_on=False)
        axis.set(title=name, xlim=(0, 1), ylim=(0, 1), aspect="equal")
        axis.set(xlabel="probability said (area: labels)", ylabel="share that came true")
        axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), fontsize=8)
    if not drawn:
        axes[0].axis("off")
        axes[0].text(0.5, 0.5, "no model, or no error is present in any labelled rep", ha="center")
    figure.suptitle(f"{title}: calibration over the errors that have positives", fontsize=10)
    _save(figure, path)


def draw_coverage(split: dict[str, Any], title: str, path: Path) -> None:
    """Draw accuracy and F1 of every predictor that keeps silent where it is least sure."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.2), layout="constrained")
    for axis, metric in zip(figure.subplots(1, 2), ("accuracy", "f1"), strict=True):
        for name, curve in split["coverage"].items():
            at = [row for row in curve if row[metric] is not None]
            speaks = name in SPEAKERS
            axis.plot(
                [row["coverage"] for row in at],
                [row[metric] for row in at],
                color=_COLOURS[name],
                lw=2 if speaks else 1,
                ls="-" if speaks else "--",
                marker="o",
                ms=3,
                label=name,
            )
            # Of the one that is new: more bands would hide each other.
            band = [row for row in at if row[f"{metric}_low"] is not None] if name == "candidate" else []
            low, high = ([row[f"{metric}_{end}"] for row in band] for end in ("low", "high"))
            axis.fill_between(
                [row["coverage"] for row in band], low, high, color=_COLOURS[name], alpha=0.12, lw=0
            )
        axis.set(xlabel="coverage: share of reps on which it answers", ylabel=f"mean {metric} over errors")
        axis.set(xlim=(1.02, 0.48), ylim=(0, 1.02))
        if not any(split["coverage"].values()):
            axis.text(0.75, 0.5, "no error is present in any labelled rep", ha="center")
    if any(split["coverage"].values()):
        figure.legend(*axis.get_legend_handles_labels(), loc="outside right upper")
    note = ", band: the candidate's 95 % interval" if split["coverage"].get("candidate") else ""
    figure.suptitle(f"{title}: silent on the least sure{note}", fontsize=10)
    _save(figure, path)


def _save(figure: Any, path: Path) -> None:
    with files.atomic_path(path) as temporary:
        # Without matplotlib's version in it, the same figures give the same file.
        figure.savefig(temporary, dpi=100, format="png", metadata={"Software": None})


def _reason(row: dict[str, Any], predictors: Sequence[str]) -> str | None:
    """Return why no predictor has figures for an error, where it is the same for all."""
    reasons = {row[name]["reason"] if row[name]["ap"] is None else None for name in predictors}
    return reasons.pop() if len(reasons) == 1 else None


def _tick(row: dict[str, Any], error: str) -> str:
    return f"{error}\n{row['present']} present (by {row['present_subjects']}), {row['absent']} absent"
