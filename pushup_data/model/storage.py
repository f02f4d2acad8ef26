"""A model's files: weights.safetensors and model.json, nothing that runs code when it is loaded."""

import hashlib
import json
from importlib.metadata import version
from pathlib import Path

import safetensors.torch
import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError

from pushup_data import files
from pushup_data.errors import BadInputError
from pushup_data.model.calibration import Platt
from pushup_data.model.data import channels
from pushup_data.model.network import Network
from pushup_data.params import Model, Train
from pushup_data.taxonomy import describe

FORMAT = 2  # raise when an older model.json or its weights can no longer be read
CARD, WEIGHTS = "model.json", "weights.safetensors"


class Head(BaseModel):
    """What the model knows of one error."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    error: str
    threshold: float | None  # from this calibrated probability on it is present; null: not learnt
    calibration: Platt
    present: int  # labelled reps in train
    absent: int


class Side(BaseModel):
    """How much one split held."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    subjects: int
    reps: int  # with at least one known label
    simulated: int  # of them, with a simulated vote


class Card(BaseModel):
    """model.json. No times and no names: the same data give the same file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int = FORMAT
    trained: bool
    reason: str  # why it was not trained, or what it was trained on
    heads: list[Head]
    splits: dict[str, Side]
    taxonomy: int  # version of the labeling rules
    seed: int
    model: Model
    settings: Train
    data: str  # digest of the training and validation data
    versions: dict[str, str]
    channels: list[str]
    epoch: int | None = None
    loss: float | None = None
    watched: str | None = None  # the split that said when to stop
    weights: str | None = None  # SHA-256 of weights.safetensors


def versions() -> dict[str, str]:
    """Return the versions that can change what training gives."""
    return {name: version(name) for name in ("pushup-data", "torch", "numpy")}


def save(directory: Path, card: Card, network: Network | None) -> Card:
    """Write the model; model.json comes last and names the weights' digest. Returns the card as written."""
    weights = directory / WEIGHTS
    if network is None:
        weights.unlink(missing_ok=True)
    else:
        state = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
        data = safetensors.torch.save(state)
        with files.atomic_path(weights) as temporary:
            temporary.write_bytes(data)
        card = card.model_copy(update={"weights": hashlib.sha256(data).hexdigest()})
    files.write_json(directory / CARD, card.model_dump())
    return card


def read_card(directory: Path) -> Card | None:
    """Read model.json; None where there is none. Raises BadInputError where it is not ours."""
    path = directory / CARD
    if not path.exists():
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(found, dict) or found.get("format") != FORMAT:
            raise BadInputError(f"{path}: made by another version of pushup-data; {_REMEDY}")
        card = Card.model_validate(found)
    except (json.JSONDecodeError, ValidationError) as e:
        raise BadInputError(f"{path}: {describe(e)}; {_REMEDY}") from None
    if card.trained and card.channels != list(channels([head.error for head in card.heads])):
        raise BadInputError(f"{path}: made for other landmarks than this version's; {_REMEDY}")
    return card


def read_network(directory: Path, card: Card) -> Network:
    """Read the weights that belong to the card. Raises BadInputError where they do not."""
    path = directory / WEIGHTS
    try:
        data = path.read_bytes()
        if hashlib.sha256(data).hexdigest() != card.weights:
            raise BadInputError(f"{path}: not the weights that {CARD} names; {_REMEDY}")
        state: dict[str, torch.Tensor] = safetensors.torch.load(data)
        network = Network(len(card.channels), len(card.heads), card.model)
        network.load_state_dict(state)
    except (OSError, SafetensorError, RuntimeError) as e:
        raise BadInputError(f"{path}: {e}; {_REMEDY}") from None
    network.eval()
    return network


_REMEDY = "restore the folder from git, or train again with `dvc repro --force --single-item train`"
