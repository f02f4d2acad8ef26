"""People who vote, by hand."""

from pushup_data import tables
from tests.test_ledger import entry

REPS = tables.REPS.frame(
    [
        {"rep_id": "abc-f10", "video_id": "abc", "subject": "ann", "start": 0, "bottom": 10, "end": 20},
        {"rep_id": "abc-f50", "video_id": "abc", "subject": "ann", "start": 40, "bottom": 50, "end": 60},
    ]
)


def said(value, annotator="a@example.org", annotation=1, **changes):
    """One person's annotation of one rep: this of hips_sagging, nothing of the rest."""
    changes.setdefault("answer", {"hips_sagging": value})
    return entry(annotation, annotator=annotator, **changes)


def people(*values):
    """Several people's annotations of the same rep."""
    return [said(v, annotator=f"p{i}@example.org", annotation=i) for i, v in enumerate(values)]
