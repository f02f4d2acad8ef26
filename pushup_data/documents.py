"""YAML files that people edit, checked against their pydantic model; what is wrong is said in one line."""

from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from pushup_data.errors import BadInputError, MissingInputError

Model = TypeVar("Model", bound=BaseModel)


def load(path: Path, model: type[Model], workspace: Path) -> Model:
    """Return the file as `model`.

    Raises MissingInputError where it is not there: `init` of the workspace restores it; BadInputError with
    the field that is wrong.
    """
    if not path.exists():
        raise MissingInputError(f"{path} is not there; run `pushup-data init {workspace}` to restore it")
    try:
        return model.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except UnicodeDecodeError as e:
        raise BadInputError(f"{path}: {e}; save it as UTF-8") from None
    except (yaml.YAMLError, ValidationError) as e:
        raise BadInputError(f"{path}: {describe(e)}") from None


def describe(error: Exception) -> str:
    """Say in one line what a YAML or pydantic error found, and where."""
    if isinstance(error, ValidationError):
        return "; ".join(
            f"{'.'.join(map(str, e['loc'])) or 'file'}: {e['msg']}"
            + (f" (found {e['input']!r})" if not isinstance(e["input"], dict) else "")
            for e in error.errors()
        )
    return str(error)
