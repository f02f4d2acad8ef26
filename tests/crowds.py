"""Reps and rules' opinions of many people, in few words."""

from collections.abc import Mapping

import polars as pl

from pushup_data import tables
from pushup_data.params import Split

SHARES = Split(val=0.2, test=0.2)
NONE = tables.ASSIGNMENTS.empty()


def data(people: Mapping[str, tuple[int, str, float | None]]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Reps and rules of {subject: (number of reps, view, probability of hips_sagging or None)}."""
    reps, rules = [], []
    for subject, (count, view, probability) in people.items():
        for i in range(count):
            rep_id = f"{subject}-f{i}"
            reps.append({"rep_id": rep_id, "video_id": f"v{subject}", "subject": subject, "view": view})
            rules.append({"rep_id": rep_id, "error": "hips_sagging", "probability": probability})
    return tables.REPS.frame(reps), tables.RULES.frame(rules)
