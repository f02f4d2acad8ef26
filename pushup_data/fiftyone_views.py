"""What the curator finds in FiftyOne: saved views, and the sidebar in the order of use."""

from typing import Any

from pushup_data import fiftyone_samples, landmarks
from pushup_data.taxonomy import Taxonomy

MOST = 50  # reps in "most uncertain"
APART = 0.5  # from here on two opinions contradict each other


def views(dataset: Any, errors: Taxonomy) -> dict[str, tuple[str, Any]]:
    """Return each saved view's description and content, by name, in the order of the menu."""
    from fiftyone import ViewField as F

    def worst(field: str) -> Any:
        return dataset.match(F(field) >= APART).sort_by(field, reverse=True)

    found = {
        "queue (next round)": (
            "what annotators are asked next",
            dataset.exists("queued").sort_by("uncertainty", reverse=True),
        ),
        "most uncertain": (
            "unlabelled reps on which the predictor is least sure",
            dataset.match(~F("labelled"))
            .exists("uncertainty")
            .sort_by("uncertainty", reverse=True)
            .limit(MOST),
        ),
        "model against rules": ("the two contradict each other on an error", worst("disagreement")),
        "label against prediction": (
            "suspicious: either the label is wrong or the predictor",
            worst("label_conflict"),
        ),
        "not a rep": ("annotators say so: a detection to correct", dataset.match(F("usable") == False)),  # noqa: E712
        "flagged picture": ("too dark, blurred, cut off …", dataset.match(F("flags").length() > 0)),
        "unlabelled": ("nobody knows anything about these yet", dataset.match(~F("labelled"))),
    }
    for split in fiftyone_samples.SPLITS:
        found[split] = (f"reps of subjects in {split}", dataset.match(F("split") == split))
    for error in errors.errors:
        found[f"error: {error.title}"] = (
            f"labelled or predicted; {error.looks_like}",
            _with_error(dataset, error.id),
        )
    return found


def save(dataset: Any, errors: Taxonomy) -> None:
    """Save all views; those that an older taxonomy had are removed, those that curators saved stay."""
    found = views(dataset, errors)
    for gone in set((dataset.info or {}).get("views", [])) - found.keys():
        if dataset.has_saved_view(gone):
            dataset.delete_saved_view(gone)
    for title, (description, view) in found.items():
        dataset.save_view(title, view, description=description, overwrite=True)
    dataset.info["views"] = list(found)


def arrange(dataset: Any) -> None:
    """Order the sidebar by use, and show at first what says most: what is wrong, and the skeleton."""
    import fiftyone as fo

    dataset.default_skeleton = fo.KeypointSkeleton(
        labels=[landmarks.NAMES[i] for i in fiftyone_samples.SHOWN], edges=fiftyone_samples.EDGES
    )
    groups = [fo.SidebarGroupDocument(name=n, paths=p, expanded=e) for n, p, e in _SIDEBAR]
    dataset.app_config.sidebar_groups = groups
    dataset.app_config.active_fields = fo.ActiveFields(paths=list(_SHOWN_FIRST))
    dataset.app_config.color_scheme = fo.ColorScheme(
        color_by="field", fields=[{"path": path, "fieldColor": color} for path, color in COLORS.items()]
    )


_SHOWN_FIRST = ("labels", "predictions", "frames.pose")
# People's word in red, the machine's in orange, absent ones in greens; a skeleton that shows on any clothes.
COLORS = {
    "labels": "#d62728",
    "labels_absent": "#2ca02c",
    "labels_unknown": "#7f7f7f",
    "predictions": "#ff7f0e",
    "predictions_absent": "#98a832",
    "predictions_unknown": "#9a8f80",
    "phases": "#9467bd",
    "frames.pose": "#00e5ff",
}
_SIDEBAR: tuple[tuple[str, list[str], bool], ...] = (
    ("tags", [], True),
    ("labels", [*fiftyone_samples.LABELS, *fiftyone_samples.PREDICTIONS, "phases"], True),
    ("frame labels", ["frames.pose"], True),
    (
        "what to look at",
        ["reasons", "queued", "uncertainty", "disagreement", "label_conflict", "flags", "usable"],
        True,
    ),
    ("whose and where", ["subject", "split", "view", "support", "original_name", "number", "partial"], True),
    ("other", ["rep_id", "video_id", "predictor", "labelled", "simulated", "embedding"], False),
    ("metadata", ["id", "filepath", "created_at", "last_modified_at"], False),
)


def _with_error(dataset: Any, error: str) -> Any:
    """Return the reps where the error is labelled or predicted present, the most probable first."""
    from fiftyone import ViewField as F

    labelled = F("labels.classifications.label").contains(error)
    predicted = F("predictions.classifications.label").contains(error)
    probability = F("predictions.classifications").filter(F("label") == error).map(F("confidence")).max()
    return dataset.match(labelled | predicted).sort_by(probability, reverse=True)
