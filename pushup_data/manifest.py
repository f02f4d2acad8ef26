"""manifest.csv: what people know about their videos. Optional, beside the raw videos."""

import csv
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath

from pushup_data.errors import BadInputError

COLUMNS = ("file", "subject", "camera", "source", "licence", "consent")
CONSENT = ("yes", "no", "unknown")


@dataclass(frozen=True)
class Entry:
    """One line: about one raw video."""

    subject: str | None = None
    camera: str | None = None
    source: str | None = None
    licence: str | None = None
    consent: str = "unknown"


def read(path: Path) -> dict[str, Entry]:
    """Return the entries by `file` as written; empty where there is no manifest.

    Raises BadInputError naming line and column: who is filmed decides who may be tested on, so nothing
    about it is guessed.
    """
    if not path.exists():
        return {}
    entries: dict[str, Entry] = {}
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            unknown = [c for c in reader.fieldnames or [] if c not in COLUMNS]
            if unknown or "file" not in (reader.fieldnames or []):
                text = f"{path}: columns must be {','.join(COLUMNS)} (only `file` must be there)"
                raise BadInputError(text + (f"; not {', '.join(map(str, unknown))}" if unknown else ""))
            for row in reader:
                name = (row["file"] or "").strip()
                where = f"{path}:{reader.line_num}"
                if not name or None in row:
                    raise BadInputError(
                        f"{where}: needs a file and at most {len(COLUMNS)} columns; mend the line"
                    )
                if name in entries:
                    raise BadInputError(f"{where}: {name} has a line already; remove one")
                entries[name] = _entry(row, where)
    except (UnicodeDecodeError, csv.Error) as e:
        raise BadInputError(f"{path}: is not a CSV file in UTF-8 ({e}); save it as one") from None
    return entries


def match(entries: dict[str, Entry], names: Iterable[str]) -> tuple[dict[str, Entry], list[str]]:
    """Give each raw video (path below data/raw) its entry, by path or by bare file name.

    Returns the matched entries and the manifest's files that are no video here. Raises BadInputError where
    a bare name could mean two videos, or two lines mean the same one.
    """
    found: dict[str, Entry] = {}
    line: dict[str, str] = {}  # what it says under `file`, by video
    unused = []
    names = list(names)
    for file, entry in entries.items():
        same = [n for n in names if n == file] or [n for n in names if PurePosixPath(n).name == file]
        if len(same) > 1:
            raise BadInputError(f"manifest.csv: {file} could be {' or '.join(same)}; write its folder too")
        if not same:
            unused.append(file)
            continue
        if same[0] in line:
            raise BadInputError(
                f"manifest.csv: {line[same[0]]} and {file} both mean {same[0]}; remove one of the two lines"
            )
        line[same[0]] = file
        found[same[0]] = entry
    return found, unused


def merge(entries: dict[str, Entry]) -> Entry:
    """Return what is known of one video that lies there under several names, from their entries.

    Raises BadInputError where they contradict each other: a consent or a subject must not get lost.
    """
    known: dict[str, str] = {}
    said_by: dict[str, str] = {}
    for name, entry in entries.items():
        for column, value in asdict(entry).items():
            if value == getattr(Entry(), column):  # says nothing
                continue
            if known.setdefault(column, value) != value:
                raise BadInputError(
                    f"manifest.csv: {said_by[column]} and {name} are the same video, but {column} is "
                    f"{known[column]} and {value}; make the lines agree or remove the wrong one"
                )
            said_by.setdefault(column, name)
    return Entry(**known)


def _entry(row: dict[str, str | None], where: str) -> Entry:
    values = {c: (row.get(c) or "").strip() or None for c in COLUMNS[1:]}
    consent = (values.pop("consent") or "unknown").lower()
    if consent not in CONSENT:
        raise BadInputError(f"{where}: consent is {consent!r}; write yes, no or nothing")
    return Entry(**values, consent=consent)
