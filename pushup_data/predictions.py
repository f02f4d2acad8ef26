"""Predictions: the rules' and the model's opinions side by side, and which of them speaks."""

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from pushup_data import quality, tables
from pushup_data.metrics import RULES_THRESHOLD
from pushup_data.model.data import Floats
from pushup_data.taxonomy import Taxonomy


def combine(
    reps: pl.DataFrame,
    rules: pl.DataFrame,
    taxonomy: Taxonomy,
    *,
    model: Floats | None,
    thresholds: Mapping[str, float],
    speaker: str,
) -> pl.DataFrame:
    """Return tables.PREDICTIONS: a row for every error of every rep.

    `model` is (reps, errors) in the order of both tables, NaN where it cannot tell; `thresholds` are the
    model's. `speaker` (rules, candidate, champion) predicts; where a model that speaks has not learnt an
    error, the rules speak for it. Where the view cannot show an error or a flag hides it, nobody can tell.
    """
    said = {(r, e): (p, why) for r, e, p, why in rules.select(*tables.RULES.columns).iter_rows()}
    rows = []
    for n, (rep_id, view, flags) in enumerate(reps.select("rep_id", "view", "flags").iter_rows()):
        for e, error in enumerate(taxonomy.errors):
            by_rules, why = said.get((rep_id, error.id), (None, "no rule for this error"))
            by_model = float(model[n, e]) if model is not None and np.isfinite(model[n, e]) else None
            model_speaks = speaker != "rules" and by_model is not None and error.id in thresholds
            probability = by_model if model_speaks else by_rules
            threshold = thresholds[error.id] if model_speaks else RULES_THRESHOLD
            if not error.judged_from(view):
                probability, why = None, _hidden(view)
            elif failed := quality.hides(flags, error.id):
                probability, why = None, failed
            elif by_model is not None:
                parts = [f"model {by_model:.2f}", why]
                why = "; ".join(parts if model_speaks else parts[::-1])
            rows.append(
                {
                    "rep_id": rep_id,
                    "error": error.id,
                    "probability": probability,
                    "present": None if probability is None else probability >= threshold,
                    "rule_probability": by_rules,
                    "model_probability": by_model,
                    "predictor": speaker if model_speaks else "rules",
                    "reason": why,
                }
            )
    return tables.PREDICTIONS.frame(rows)


def embedded(rep_ids: Sequence[str], embeddings: Floats) -> pl.DataFrame:
    """Return tables.EMBEDDINGS of (N, dimensions); reps in which nobody is seen (NaN) are left out."""
    rows = zip(rep_ids, embeddings, strict=True)
    return tables.EMBEDDINGS.frame(
        [{"rep_id": r, "embedding": values.tolist()} for r, values in rows if np.isfinite(values).all()]
    )


def _hidden(view: str) -> str:
    if view == "unknown":
        return "the camera's view is not known"
    return f"cannot be seen from {'an' if view == 'oblique' else 'a'} {view} view"
