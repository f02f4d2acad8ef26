"""What a curator wants to know about every rep, computed from the other tables."""

from collections.abc import Mapping

import polars as pl

from pushup_data import tables

_KNOWN = ("present", "absent")


def samples(
    *,
    reps: pl.DataFrame,
    videos: pl.DataFrame,
    predictions: pl.DataFrame,
    labels: pl.DataFrame,
    split: Mapping[str, str],
    queue: pl.DataFrame,
) -> pl.DataFrame:
    """Return a tables.SAMPLES frame of one row per rep; each argument is the table of that name.

    `split` is splits.of_reps()'s. What is known of a rep that is not (or no longer) in `reps` is left out.
    """
    sides = pl.DataFrame({"rep_id": [*split], "split": [*split.values()]}, schema=_SPLIT)
    frame = reps.select(*_OF_REP, frames=pl.col("clip_end") - pl.col("clip_start"))
    frame = (
        frame.join(videos.select("video_id", "original_name", "width", "height"), on="video_id", how="left")
        .join(sides, on="rep_id", how="left")
        .join(queue.select("rep_id", queued="reason"), on="rep_id", how="left")
        .join(uncertainty(predictions), on="rep_id", how="left")
        .join(disagreement(predictions), on="rep_id", how="left")
        .join(label_conflict(predictions, labels), on="rep_id", how="left")
        .join(_consensus(labels), on="rep_id", how="left")
        .with_columns(pl.col("labelled", "simulated").fill_null(value=False))
    )
    return tables.SAMPLES.check(frame)


_OF_REP = [c for c in tables.SAMPLES.columns if c in tables.REPS.columns]
_SPLIT = {"rep_id": pl.String, "split": pl.String}


def uncertainty(predictions: pl.DataFrame) -> pl.DataFrame:
    """Return (rep_id, uncertainty): the mean binary entropy of the errors' probabilities, in bits.

    0: all are certain, 1: all are tossed up. Errors without a probability do not count; a rep where no
    error has one is left out. Errors are judged one by one (a rep may show several), hence one entropy each.
    """
    p = pl.col("probability")
    bits = pl.sum_horizontal(_bits(p), _bits(1 - p))
    return (
        predictions.filter(p.is_not_null())
        .group_by("rep_id", maintain_order=True)
        .agg(uncertainty=bits.mean())
    )


def disagreement(predictions: pl.DataFrame) -> pl.DataFrame:
    """Return (rep_id, disagreement): the largest |model - rules| over errors where both have an opinion."""
    apart = (pl.col("model_probability") - pl.col("rule_probability")).abs()
    return (
        predictions.filter(apart.is_not_null())
        .group_by("rep_id", maintain_order=True)
        .agg(disagreement=apart.max())
    )


def label_conflict(predictions: pl.DataFrame, labels: pl.DataFrame) -> pl.DataFrame:
    """Return (rep_id, label_conflict): the largest |probability - label| over errors labelled 1 or 0.

    Above 0.5 prediction and label are on different sides. High values are either a wrong label or a rep
    that the predictor does not understand; both are worth a look (the self-confidence of confident
    learning, Northcutt et al. 2021, turned round).
    """
    known = labels.filter(pl.col("value").is_in(_KNOWN)).select("rep_id", "error", "value")
    both = predictions.join(known, on=["rep_id", "error"]).filter(pl.col("probability").is_not_null())
    apart = (pl.col("probability") - (pl.col("value") == "present").cast(pl.Float64)).abs()
    return both.group_by("rep_id", maintain_order=True).agg(label_conflict=apart.max())


def _bits(p: pl.Expr) -> pl.Expr:
    """Return -p log2 p, which is 0 at 0."""
    return pl.when(p > 0).then(-p * p.log(2)).otherwise(0.0)


def _consensus(labels: pl.DataFrame) -> pl.DataFrame:
    """Return (rep_id, usable, labelled, simulated). Labelled: an error is known, or it is no rep."""
    known = pl.col("value").is_in(_KNOWN) | ~pl.col("usable")
    return labels.group_by("rep_id", maintain_order=True).agg(
        usable=pl.col("usable").all(), labelled=known.any(), simulated=pl.col("simulated").any()
    )
