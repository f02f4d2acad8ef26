"""A model's files: weights.safetensors, model.json, CARD.md; nothing that runs code when it is loaded."""

import hashlib
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from safetensors import SafetensorError

from pushup_data import files
from pushup_data.errors import BadInputError
from pushup_data.model.calibration import Platt
from pushup_data.model.card import CARD, REMEDY, WORDS, Card, Head, Side, card_markdown, limits, read_card
from pushup_data.model.data import Dataset, channels
from pushup_data.params import Params
from pushup_data.taxonomy import Taxonomy

if TYPE_CHECKING:  # torch takes seconds to load, and most often there is no model
    from pushup_data.model.network import Network
    from pushup_data.model.training import Fitted

__all__ = [
    "CARD",
    "WEIGHTS",
    "WORDS",
    "Card",
    "Head",
    "Side",
    "copy",
    "describe",
    "intact",
    "read_card",
    "read_network",
    "save",
    "versions",
]

WEIGHTS = "weights.safetensors"


def versions() -> dict[str, str]:
    """Return the versions that can change what training gives."""
    return {name: version(name) for name in ("pushup-data", "torch", "numpy")}


def describe(
    train: Dataset,
    val: Dataset,
    fitted: "Fitted | None",
    splits: Mapping[str, Side],
    *,
    known: Taxonomy,
    params: Params,
    reason: str,
) -> Card:
    """Return the card of what was trained on these reps; `fitted` None: nothing was, for this `reason`."""
    heads = [
        Head(
            error=error,
            threshold=fitted.thresholds[e] if fitted else None,
            calibration=fitted.calibration[e] if fitted else Platt(),
            present=int((train.y[:, e] == 1).sum()),
            absent=int((train.y[:, e] == 0).sum()),
            present_subjects=len(train.showing(e, 1)),
        )
        for e, error in enumerate(known.ids)
    ]
    return Card(
        trained=fitted is not None,
        reason=reason,
        heads=heads,
        splits=dict(splits),
        taxonomy=known.version,
        seed=params.seed,
        model=params.model,
        settings=params.train,
        channels=list(channels(known.ids)),
        data=f"{train.fingerprint()}-{val.fingerprint()}",
        versions=versions(),
        epoch=fitted.epochs if fitted else None,
        loss=round(fitted.loss, 6) if fitted else None,
        watched=fitted.watched if fitted else None,
        limits=limits(heads, splits, fitted.watched) if fitted else [],
    )


def save(directory: Path, card: Card, network: "Network | None") -> Card:
    """Write the model; model.json comes last and names the weights' digest. Returns the card as written."""
    if network is None:
        (directory / WEIGHTS).unlink(missing_ok=True)
        _write(directory, card, None)
        return card
    import safetensors.torch

    state = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    data = safetensors.torch.save(state)
    card = card.model_copy(update={"weights": hashlib.sha256(data).hexdigest()})
    _write(directory, card, data)
    return card


def copy(source: Path, directory: Path, card: Card) -> None:
    """Write the weights in `source` to another folder, under `card`. Raises BadInputError as reading does."""
    _write(directory, card, _read_weights(source, card))


def intact(directory: Path, card: Card) -> bool:
    """Whether the weights in a folder are those that the card names."""
    try:
        _read_weights(directory, card)
    except BadInputError:
        return False
    return True


def _write(directory: Path, card: Card, weights: bytes | None) -> None:
    if weights is not None:
        with files.atomic_path(directory / WEIGHTS) as temporary:
            temporary.write_bytes(weights)
    files.write_text(directory / WORDS, card_markdown(card))
    files.write_json(directory / CARD, card.model_dump())


def _read_weights(directory: Path, card: Card) -> bytes:
    path = directory / WEIGHTS
    try:
        data = path.read_bytes()
    except OSError as e:
        raise BadInputError(f"{path}: {e}; {REMEDY}") from None
    if hashlib.sha256(data).hexdigest() != card.weights:
        raise BadInputError(f"{path}: not the weights that {CARD} names; {REMEDY}")
    return data


def read_network(directory: Path, card: Card) -> "Network":
    """Read the weights that belong to the card. Raises BadInputError where they do not."""
    import safetensors.torch

    from pushup_data.model.network import Network

    data = _read_weights(directory, card)
    try:
        state = safetensors.torch.load(data)
        network = Network(len(card.channels), len(card.heads), card.model)
        network.load_state_dict(state)
    except (SafetensorError, RuntimeError) as e:
        raise BadInputError(f"{directory / WEIGHTS}: {e}; {REMEDY}") from None
    network.eval()
    return network
