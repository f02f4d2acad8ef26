"""A model's files: weights.safetensors and model.json, nothing that runs code when it is loaded."""

import hashlib
import json
from importlib.metadata import version
from pathlib import Path

import safetensors.torch
import torch
from pydantic import ValidationError
from safetensors import SafetensorError

from pushup_data import files
from pushup_data.errors import BadInputError
from pushup_data.model.card import FORMAT, Card, Head, Side, markdown
from pushup_data.model.data import channels
from pushup_data.model.network import Network
from pushup_data.taxonomy import describe

__all__ = ["Card", "Head", "Side", "read_card", "read_network", "save", "versions"]

CARD, WEIGHTS, PAGE = "model.json", "weights.safetensors", "CARD.md"


def versions() -> dict[str, str]:
    """Return the versions that can change what training gives."""
    return {name: version(name) for name in ("pushup-data", "torch", "numpy")}


def save(directory: Path, card: Card, network: Network | None) -> Card:
    """Write the model and a page that says what it is. Returns the card as written.

    model.json comes last and names the weights' digest: what is cut off before that is not taken for a model.
    """
    weights = directory / WEIGHTS
    if network is None:
        weights.unlink(missing_ok=True)
    else:
        state = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
        data = safetensors.torch.save(state)
        with files.atomic_path(weights) as temporary:
            temporary.write_bytes(data)
        card = card.model_copy(update={"weights": hashlib.sha256(data).hexdigest()})
    files.write_text(directory / PAGE, markdown(card))
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
