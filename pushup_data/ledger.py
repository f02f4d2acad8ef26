"""The ledger: every version of every annotation ever seen, append-only, one immutable JSONL file per pull."""

import hashlib
import os
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from pushup_data.documents import describe
from pushup_data.errors import BadInputError
from pushup_data.taxonomy import Value

# Simulated annotators have addresses here; the domain can never exist (RFC 2606), so the mark stays for ever.
SIMULATED_DOMAIN = "simulated.invalid"


def moment(text: str) -> datetime:
    """Return a time of the ledger, to compare it: `…:00Z` and `…:00.5Z` do not sort as text.

    Raises ValueError where it is none.
    """
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _time(text: str) -> str:
    moment(text)
    return text


Time = Annotated[str, AfterValidator(_time)]  # ISO 8601
Key = tuple[str, int, int, str]  # server, project, annotation, region


class Entry(BaseModel):
    """One thing that happened to one annotation (of a whole video: to one of its regions) on one server."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    event: Literal["annotation", "skip", "deleted"]  # a skip says nothing of what is wrong
    server: str  # its address
    project: int
    task: int
    annotation: int
    region: str = ""  # of an annotation of a whole video: Label Studio's name for the region
    drawn: bool = False  # the bounds are the annotator's own
    rep_id: str  # empty for a rep that only the annotator saw
    clip: str  # clip file shown: names the rep and its bounds
    video_id: str
    start: int  # bounds of the rep as annotated, frames of the normalised video
    end: int
    view: str  # camera view that the annotator was told; decides what an unticked box means
    annotator: str  # mail address
    simulated: bool
    created_at: Time  # the server's clock
    updated_at: Time
    seconds: float | None  # spent on it, as Label Studio measured
    usable: bool
    answer: dict[str, Value]  # per error: what the annotator said
    note: str
    blind: bool  # nothing was pre-ticked
    shown: dict[str, Any] | None  # what was shown first: predictor and what was ticked
    taxonomy: int  # its version
    result: list[dict[str, Any]]  # Label Studio's own JSON, verbatim

    @property
    def key(self) -> Key:
        """Which annotation, or region of one, this is about."""
        return (self.server, self.project, self.annotation, self.region)


def read(directory: Path) -> list[Entry]:
    """Return all entries, oldest first. Raises BadInputError naming file and line."""
    entries: list[Entry] = []
    for path in sorted(directory.glob("*.jsonl")):
        number = 0
        try:
            with path.open(encoding="utf-8") as file:
                # Not splitlines(): that would also split at what a note may hold, like U+2028.
                for line in file:
                    number += 1
                    entries.append(Entry.model_validate_json(line))
        except (ValidationError, UnicodeDecodeError) as e:
            text = f"{path}:{number}: {describe(e)}; restore the file from git, never edit it"
            raise BadInputError(text) from None
    return entries


def append(directory: Path, entries: Sequence[Entry]) -> Path | None:
    """Write the entries as the next file; nothing for none. Never overwrites a file."""
    if not entries:
        return None
    directory.mkdir(parents=True, exist_ok=True)
    for left in directory.glob(".*.jsonl.tmp"):  # by a process that was killed; pull holds a lock
        left.unlink()
    text = "".join(entry.model_dump_json() + "\n" for entry in entries)
    names = (path.name.partition("-")[0] for path in directory.glob("*.jsonl"))
    numbers = [int(name) for name in names if name.isdecimal()]
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    path = directory / f"{max(numbers, default=0) + 1:06d}-{digest}.jsonl"
    temporary = directory / f".{path.name}.tmp"
    with temporary.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(temporary, path)  # fails where the file exists, unlike a rename
    finally:
        temporary.unlink()
    return path


def latest(entries: Iterable[Entry]) -> dict[Key, Entry]:
    """Return the newest entry of every annotation, deletions included, in order of first sight."""
    state: dict[Key, Entry] = {}
    for entry in entries:
        state[entry.key] = entry
    return state


def standing(entries: Iterable[Entry]) -> list[Entry]:
    """Return the annotations that count today: the newest version of each, without skips and deletions."""
    return [e for e in latest(entries).values() if e.event == "annotation"]
