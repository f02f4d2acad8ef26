"""How far right avatars are from right people, as the landmarker sees both.

    python benchmarks/gap.py --real DIR [--work DIR]

Per kinematic feature of right reps from the side and obliquely, the Kolmogorov-Smirnov distance; and how well
a forest tells one from the other on people and bodies never seen (area under the ROC; 0.5: not at all).
"""

import argparse

import numpy as np
from bodies import load as load_avatars
from bodies import name_sets
from collection import load, parser
from corpus import ERRORS, of_clips
from scipy.stats import ks_2samp
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_predict

from pushup_data.model.features import STATISTICS, features
from pushup_data.model.measures import KINEMATICS

NAMES = [f"{channel}_{what}" for channel in KINEMATICS for what in STATISTICS]
SHOWN = [f"{channel}_q{q}" for channel in KINEMATICS for q in ("05", "50", "95")]


def main() -> None:
    made = parser(__doc__ or "")
    made.formatter_class = argparse.RawDescriptionHelpFormatter
    name_sets(made)
    options = made.parse_args()
    avatars = load_avatars(options.sets, options.front, options.work)
    clips = {c.id: c for c in load(options.real, options.cache) if c.standard}
    people = of_clips(list(clips.values()))
    right = [all(clips[v].agreed(e) != "1" for e in ERRORS) for v in people.videos]
    beside = ["side", "oblique"]
    ours = avatars.take(avatars.right & avatars.reps["view"].is_in(beside).to_numpy())
    theirs = people.take(np.array(right) & people.reps["view"].is_in(beside).to_numpy())
    a, b = (features(side.x)[:, : len(NAMES)] for side in (ours, theirs))
    print(f"right reps from side and obliquely: {len(a)} avatars', {len(b)} people's\n")
    print("| feature | KS | avatars 10, 50, 90 % | people 10, 50, 90 % |\n|---|---|---|---|")
    distances = []
    for i, name in enumerate(NAMES):
        one, other = (side[np.isfinite(side[:, i]), i] for side in (a, b))
        distances.append(float(ks_2samp(one, other).statistic))
        if name in SHOWN:
            unit = KINEMATICS[name.rsplit("_", 1)[0]]
            spread = [
                ", ".join(f"{v * unit:.2f}" for v in np.percentile(side, [10, 50, 90]))
                for side in (one, other)
            ]
            print(f"| {name} | {distances[-1]:.2f} | {spread[0]} | {spread[1]} |")
    x = np.nan_to_num(np.concatenate([a, b]), nan=-9.0)
    domain = np.repeat([0, 1], [len(a), len(b)])
    model = RandomForestClassifier(300, min_samples_leaf=3, random_state=0, n_jobs=2)
    groups = [*ours.groups, *theirs.groups]
    told = cross_val_predict(model, x, domain, groups=groups, cv=GroupKFold(5), method="predict_proba")[:, 1]
    print(f"\nmean KS over {len(distances)} features {np.mean(distances):.2f}; ", end="")
    print(f"a forest tells them apart with an area under the ROC of {roc_auc_score(domain, told):.3f}")


if __name__ == "__main__":
    main()
