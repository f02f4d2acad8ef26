"""Use of a trained model."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from pushup_data import quality
from pushup_data.model import calibration, storage
from pushup_data.model.crops import Pixels
from pushup_data.model.data import Bools, Floats
from pushup_data.taxonomy import Taxonomy

if TYPE_CHECKING:  # torch takes seconds to load: only for a model that is there
    from pushup_data.model.network import Network


@dataclass(frozen=True)
class Model:
    """A trained model, ready to use."""

    card: storage.Card
    network: "Network"

    @property
    def errors(self) -> tuple[str, ...]:
        """The errors' ids, in the order of the columns that predict() gives."""
        return tuple(head.error for head in self.card.heads)

    @property
    def thresholds(self) -> dict[str, float]:
        """From which probability on an error is present; only errors that the model has learnt."""
        return {h.error: h.threshold for h in self.card.heads if h.threshold is not None}

    @property
    def steps(self) -> int:
        """Length in time that sequences must have (data.sequence's `steps`)."""
        return self.card.model.steps

    @property
    def streams(self) -> tuple[str, ...]:
        """What it reads (crops.crops's `streams`)."""
        return self.card.model.streams

    def predict(self, sequences: Floats, pixels: Pixels | None = None) -> tuple[Floats, Floats]:
        """Return calibrated probabilities (N, errors) and embeddings (N, features) for (N, steps, channels).

        `pixels` are the same reps' crops.crops(), which a model with the rgb stream needs.

        NaN where the model cannot tell: an error it has not learnt, a rep in which nobody is seen.
        """
        said, embeddings = self._infer(sequences, pixels)
        return self._calibrated(said), embeddings

    def judge(
        self, sequences: Floats, reps: pl.DataFrame, taxonomy: Taxonomy, pixels: Pixels | None = None
    ) -> tuple[Floats, Floats]:
        """Return predict() with the taxonomy's errors as columns.

        `reps` is tables.REPS in the sequences' order. NaN where a rep's view cannot show an error or a flag
        hides it, and throughout for an error that the model was not made for.
        """
        found, embeddings = self.predict(sequences, pixels)
        return self._told(found, reps, taxonomy), embeddings

    def compare(
        self, sequences: Floats, reps: pl.DataFrame, taxonomy: Taxonomy, pixels: Pixels | None = None
    ) -> tuple[Floats, Floats]:
        """Return judge()'s probabilities, and what they would be without calibration: the logits' sigmoid."""
        said, _ = self._infer(sequences, pixels)
        after, before = self._calibrated(said), calibration.sigmoid(said).astype(np.float32)
        before[:, [head.threshold is None for head in self.card.heads]] = np.nan
        return self._told(after, reps, taxonomy), self._told(before, reps, taxonomy)

    def _infer(self, sequences: Floats, pixels: Pixels | None) -> tuple[Floats, Floats]:
        from pushup_data.model.network import infer

        return infer(self.network, sequences, pixels)

    def _calibrated(self, said: Floats) -> Floats:
        columns = [
            np.full(len(said), np.nan) if head.threshold is None else head.calibration(said[:, h])
            for h, head in enumerate(self.card.heads)
        ]
        return np.stack(columns, axis=1).astype(np.float32)

    def _told(self, found: Floats, reps: pl.DataFrame, taxonomy: Taxonomy) -> Floats:
        probabilities = np.full((len(found), len(taxonomy.errors)), np.nan, dtype=np.float32)
        for e, error in enumerate(taxonomy.ids):
            if error in self.errors:
                probabilities[:, e] = found[:, self.errors.index(error)]
        return np.where(shown(reps, taxonomy), probabilities, np.float32(np.nan))


def shown(reps: pl.DataFrame, taxonomy: Taxonomy) -> Bools:
    """Return (N, errors): whether the view of a rep (tables.REPS) shows an error and no flag hides it."""
    rows = [
        [e.judged_from(view) and not quality.hides(flags, e.id) for e in taxonomy.errors]
        for view, flags in reps.select("view", "flags").iter_rows()
    ]
    return np.array(rows, dtype=bool).reshape(len(reps), len(taxonomy.errors))


def load(directory: Path) -> Model | None:
    """Load the model in a folder; None where there is none or it says that it was not trained.

    Raises BadInputError where the files are damaged or of another version.
    """
    card = storage.read_card(directory)
    if card is None or not card.trained:
        return None
    return Model(card, storage.read_network(directory, card))
