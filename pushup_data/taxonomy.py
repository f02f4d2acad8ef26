"""The taxonomy of form errors: read once from labeling_config/taxonomy.yaml, used by everything else."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from pushup_data import documents

View = Literal["side", "oblique", "front"]
Value = Literal["present", "absent", "unknown"]


class FormError(BaseModel):
    """One form error."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern=r"^[a-z][a-z_]*$")
    title: str = Field(min_length=3)
    hotkey: str = Field(pattern=r"^[1-9]$")
    looks_like: str
    counts: str = ""  # where annotators draw the line: what is the error,
    counts_not: str = ""  # and what looks like it and is not
    views: tuple[View, ...] = Field(min_length=1)
    severity: int = Field(ge=1, le=3)
    cue: str
    advice: str

    def judged_from(self, view: str) -> bool:
        """Whether a camera at `view` (side, oblique, front, unknown) can show this error."""
        return view in self.views


class Taxonomy(BaseModel):
    """All form errors, in the order used everywhere."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: int = Field(ge=1)
    errors: tuple[FormError, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _unique(self) -> "Taxonomy":
        for field in ("id", "title", "hotkey"):
            values = [getattr(e, field) for e in self.errors]
            twice = {v for v in values if values.count(v) > 1}
            if twice:
                raise ValueError(f"{field} {sorted(twice)} is used twice")
        return self

    @property
    def ids(self) -> tuple[str, ...]:
        """The errors' ids, in order."""
        return tuple(e.id for e in self.errors)

    def __getitem__(self, error_id: str) -> FormError:
        for error in self.errors:
            if error.id == error_id:
                return error
        raise KeyError(error_id)


def load(path: Path) -> Taxonomy:
    """Read the taxonomy. Raises MissingInputError, or BadInputError naming the field that is wrong."""
    return documents.load(path, Taxonomy, path.parent.parent)


def markdown(taxonomy: Taxonomy) -> str:
    """Return the README's table of the errors."""
    rows = ["| error | looks like | seen from | what to say |", "|---|---|---|---|"]
    rows += [
        f"| `{e.id}` | {e.looks_like.rstrip('.')} | {', '.join(e.views)} | “{e.cue}” |"
        for e in taxonomy.errors
    ]
    return "\n".join(rows)
