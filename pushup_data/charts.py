"""Pictures and tables of an evaluation, for `dvc plots` and for people."""

import csv
import io
from pathlib import Path
from typing import Any

from pushup_data import files

_COLOURS = {"rules": "#8c8c8c", "candidate": "#1f77b4", "champion": "#2ca02c"}


def bars(split: dict[str, Any]) -> str:
    """Return CSV for `dvc plots`: a row per (error, predictor) of one split of metrics/evaluation.json.

    What is not defined (no positives) has no row: a bar of length 0 would be a lie.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["bar", "error", "predictor", "ap", "f1"])
    for error, row in split["errors"].items():
        for predictor in split["macro"]:
            found = row[predictor]
            if found["ap"] is not None:
                writer.writerow([f"{error} ({predictor})", error, predictor, found["ap"], found["f1"]])
    return text.getvalue()


def draw(split: dict[str, Any], title: str, path: Path) -> None:
    """Draw AP and F1 per error as bars with their intervals, predictors side by side, as a PNG."""
    from matplotlib.figure import Figure

    errors, predictors = list(split["errors"]), list(split["macro"])
    figure = Figure(figsize=(12, 1.2 + 0.75 * len(errors)), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    height = 0.8 / len(predictors)
    for axis, metric in zip(axes, ("ap", "f1"), strict=True):
        for p, predictor in enumerate(predictors):
            for e, error in enumerate(errors):
                found, at = split["errors"][error][predictor], e + (p + 0.5) * height - 0.4
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
    figure.legend(handles, predictors, loc="outside upper right", ncols=len(predictors))
    figure.suptitle(f"{title}: {split['reps']} labelled reps of {split['subjects']} subjects", x=0.3)
    with files.atomic_path(path) as temporary:
        # Without matplotlib's version in it, the same figures give the same file.
        figure.savefig(temporary, dpi=100, format="png", metadata={"Software": None})


def _tick(row: dict[str, Any], error: str) -> str:
    return f"{error}\n{row['present']} present (by {row['present_subjects']}), {row['absent']} absent"
