"""Train the model that ships with the project, on avatars only, and write it to models/released.

    python benchmarks/release.py [--work DIR] [--evidence SENTENCE ...] [--out DIR]

Avatars are rendered into --work where they are missing. A fifth of the bodies say when to stop, and are
calibrated on; mild errors are left unknown (corpus.MILD), and an avatar counts as a part of a
person (corpus.AVATAR). --evidence are figures measured elsewhere, each with its command, for the card.
"""

import argparse
from collections import Counter
from pathlib import Path

from avatar import TAXONOMY
from bodies import load, name_sets
from collection import SETTINGS
from contenders import apart
from corpus import AVATAR, Corpus

from pushup_data.model import storage, training
from pushup_data.workspace import CHECKOUT


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    name_sets(parser)
    parser.add_argument("--out", type=Path, default=CHECKOUT / "models" / "released")
    parser.add_argument("--evidence", nargs="*", default=[])
    options = parser.parse_args()
    avatars = load(options.sets, options.front, options.work).for_people()
    held = apart(avatars.groups, 0.2, SETTINGS.seed)
    sides = {"train": avatars.take(~held), "val": avatars.take(held)}
    train, val = (side.dataset() for side in sides.values())
    fitted = training.fit(train, val, SETTINGS.model, SETTINGS.train, SETTINGS.seed)
    people = len(set(train.subjects))
    card = storage.describe(
        train,
        val,
        fitted,
        {name: count(side) for name, side in sides.items()},
        known=TAXONOMY,
        params=SETTINGS,
        reason=(
            f"trained on {len(train)} reps of {people} rendered avatars, each worth {AVATAR} of a person, "
            "and on no person"
        ),
    ).model_copy(update={"evidence": options.evidence})
    storage.save(options.out, card, fitted.network)
    print(f"{options.out}: {card.reason}; epoch {fitted.epochs}, loss {fitted.loss:.3f} on {fitted.watched}")


def count(side: Corpus) -> storage.Side:
    return storage.Side(
        subjects=len(set(side.groups)),
        reps=len(side),
        simulated=len(side),  # the truth of a render, not somebody's opinion
        views=dict(sorted(Counter(side.reps["view"].to_list()).items())),
    )


if __name__ == "__main__":
    main()
