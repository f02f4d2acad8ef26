"""The models of a workspace: candidate, champion and released; which speaks, and how one is promoted."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pushup_data import files
from pushup_data import verdict as verdicts
from pushup_data.errors import BadInputError, MissingInputError
from pushup_data.model import card as cards
from pushup_data.model import storage
from pushup_data.model.card import Card, Figure, Measured, Metrics, Promotion
from pushup_data.workspace import Workspace

NAMES = ("candidate", "champion", "released")
_METRICS = ("precision", "recall", "f1", "ap")


def folder(workspace: Workspace, name: str) -> Path:
    """Return where the model of this name (NAMES) is kept."""
    places = {
        "candidate": workspace.candidate,
        "champion": workspace.champion,
        "released": workspace.released,
    }
    return places[name]


def listing(workspace: Workspace) -> list[str]:
    """Return a line per model, and one that says who speaks and why."""
    found = {name: _known(workspace, name) for name in NAMES}
    said = {name: _line(card) if card else "none" for name, card in found.items()}
    candidate, champion = found["candidate"], found["champion"]
    if candidate and candidate.trained and champion and champion.digest == candidate.digest:
        said["candidate"] += "; is the champion"
    said["speaks"] = _speaks(workspace)
    return [f"{name:<10} {text}" for name, text in said.items()]


def show(workspace: Workspace, name: str) -> str:
    """Return the card of one model as Markdown. Raises MissingInputError where there is none."""
    card = _known(workspace, name)
    if card is None:
        raise MissingInputError(
            f"models/{name} holds no model; `pushup-data model list` says which there are"
        )
    return cards.card_markdown(card)


def promote(workspace: Workspace, *, forced: bool = False) -> str:
    """Make the candidate the champion where the verdict says that it is better; say what was done.

    `forced` overrules the verdict, not the want of one. Raises MissingInputError, BadInputError.
    """
    candidate, champion = (cards.read_card(folder(workspace, n)) for n in ("candidate", "champion"))
    if candidate is None or not candidate.trained:
        why = candidate.reason if candidate else "models/candidate holds no model"
        raise MissingInputError(f"no candidate to promote: {why}; run `dvc repro` when there are more labels")
    if champion and champion.digest == candidate.digest and storage.intact(workspace.champion, champion):
        return "model: the candidate is the champion already"
    verdict = verdicts.read(workspace.metrics / "verdict.json")
    if verdict is None:
        raise MissingInputError("metrics/verdict.json is not there; run `dvc repro` to make it")
    stale = _stale(verdict, candidate, champion)
    if stale:
        raise BadInputError(f"metrics/verdict.json is about {stale}; run `dvc repro`, then promote")
    better = verdict["predictor"] == "candidate"
    if not better and not forced:
        raise BadInputError(
            f"not promoted: {verdict['why']}; label more val reps, or overrule the verdict with --force"
        )
    promoted = candidate.model_copy(
        update={
            "metrics": measured(_evaluation(workspace), "candidate"),
            "promotion": Promotion(forced=not better, verdict=verdict["why"]),
        }
    )
    try:
        storage.copy(workspace.candidate, workspace.champion, promoted)
    except OSError as e:
        raise BadInputError(
            f"{workspace.champion}: cannot be written ({e.strerror}); make it a folder that you may write to"
        ) from None
    how = "by force, against the verdict" if not better else "by the verdict"
    return (
        f"model: the candidate is the champion now, {how}: {verdict['why']}\n"
        "next: git add models/champion && git commit -m 'A new champion' && dvc repro"
    )


def measured(evaluation: Mapping[str, Any], predictor: str) -> dict[str, Metrics]:
    """Return what metrics/evaluation.json says of one predictor, by split.

    Raises BadInputError where something is missing from it.
    """
    try:
        return {
            split: Metrics(
                subjects=found["subjects"],
                reps=found["reps"],
                macro=_measured(found["macro"][predictor]),
                errors={
                    error: _measured(row[predictor]).model_copy(
                        update={k: row[k] for k in ("present", "absent", "present_subjects")}
                    )
                    for error, row in found["errors"].items()
                },
            )
            for split, found in ((s, evaluation[s]) for s in ("val", "test"))
        }
    except (KeyError, TypeError, ValueError) as e:
        said = f"says nothing of {e}" if isinstance(e, KeyError) else "is damaged"
        raise BadInputError(f"metrics/evaluation.json {said}; {verdicts.REMEDY}") from None


def _measured(row: Mapping[str, Any]) -> Measured:
    figures = {
        name: Figure(value=row[name], low=row.get(f"{name}_low"), high=row.get(f"{name}_high"))
        for name in _METRICS
        if row.get(name) is not None
    }
    return Measured(**figures, reason=row.get("reason"))


def _known(workspace: Workspace, name: str) -> Card | None:
    """Return a model's card; a candidate's with the last evaluation's metrics, where they are its own."""
    card = cards.read_card(folder(workspace, name))
    if name != "candidate" or card is None or not card.trained:
        return card
    verdict = verdicts.read(workspace.metrics / "verdict.json")
    if verdict is None or verdict["digests"].get("candidate") != card.digest:
        return card
    return card.model_copy(update={"metrics": measured(_evaluation(workspace), "candidate")})


def _line(card: Card) -> str:
    if not card.trained:
        return f"not trained: {card.reason}"
    train = card.splits["train"]
    said = [f"{card.model.called} of {train.reps} reps of {train.subjects} people"]
    for split, found in (card.metrics or {}).items():
        if found.macro.f1 and found.macro.ap:
            said.append(f"{split} F1 {found.macro.f1}, AP {found.macro.ap}")
        else:
            said.append(f"{split} not measured ({found.macro.reason})")
    if card.metrics is None:
        said.append("measured elsewhere: its card says where" if card.evidence else "not measured")
    if card.promotion and card.promotion.forced:
        said.append("promoted by force")
    return "; ".join(said)


def _speaks(workspace: Workspace) -> str:
    verdict = verdicts.read(workspace.metrics / "verdict.json")
    if verdict is None:
        card = cards.read_card(workspace.released)
        if card is not None and card.trained:
            return "released: this workspace has no verdict yet"
        return "rules: this workspace has no verdict yet, and no model is released"
    stale = _stale(verdict, *(cards.read_card(folder(workspace, n)) for n in ("candidate", "champion")))
    said = f"{verdict['predictor']}: {verdict['why']}"
    return f"{said} (the verdict is about {stale}; run `dvc repro`)" if stale else said


def _stale(verdict: Mapping[str, Any], candidate: Card | None, champion: Card | None) -> str | None:
    """Say which other model than the one that lies there now the verdict is about; None if it is current."""
    for name, card in (("candidate", candidate), ("champion", champion)):
        if verdict["digests"].get(name) != (card.digest if card is not None and card.trained else None):
            return f"another {name} than the one in models/{name}"
    return None


def _evaluation(workspace: Workspace) -> dict[str, Any]:
    path = workspace.metrics / "evaluation.json"
    found = files.read_json(path, verdicts.REMEDY)
    if found is None:
        raise MissingInputError(f"{path} is not there; run `dvc repro` to make it")
    return found
