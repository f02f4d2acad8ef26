"""How an avatar looks: skin, hair and clothes, put on its body at rest.

Clothes are not meshes of their own: the skin is pushed out where they are. Each garment is a field over the
vertices, metres inside its hem (negative outside); the renderer cuts it at zero in every pixel, so that hems
are straight although the mesh is coarse.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pushup_data.avatar import anatomy
from pushup_data.avatar.bodies import Body

Floats = npt.NDArray[np.float32]
Colour = tuple[float, float, float]  # sRGB, 0..1

TOPS = ("none", "tank", "t-shirt", "long sleeve", "sports top")
BOTTOMS = ("shorts", "leggings", "joggers")
HAIR = ("bald", "short", "medium", "long", "bun", "ponytail")
LAYERS = ("bottom", "top", "shoes", "hair")  # later ones lie over earlier ones

_SKINS: list[Colour] = [
    (0.95, 0.80, 0.71), (0.91, 0.73, 0.62), (0.85, 0.65, 0.52), (0.77, 0.57, 0.43), (0.66, 0.46, 0.33),
    (0.54, 0.36, 0.25), (0.42, 0.27, 0.19), (0.31, 0.20, 0.15),
]  # fmt: skip
_HAIRS: list[Colour] = [(0.06, 0.05, 0.05), (0.16, 0.10, 0.07), (0.30, 0.19, 0.11), (0.50, 0.35, 0.18),
                        (0.72, 0.56, 0.33), (0.48, 0.20, 0.09)]  # fmt: skip
_CLOTHES: list[Colour] = [
    (0.10, 0.10, 0.12), (0.92, 0.92, 0.90), (0.50, 0.51, 0.53), (0.14, 0.20, 0.38), (0.70, 0.14, 0.16),
    (0.16, 0.42, 0.30), (0.20, 0.45, 0.75), (0.88, 0.62, 0.15), (0.48, 0.22, 0.45), (0.90, 0.50, 0.58),
    (0.35, 0.62, 0.62), (0.26, 0.27, 0.30),
]  # fmt: skip


@dataclass(frozen=True)
class Outfit:
    """What a body wears; lengths are 0..1 along the limb."""

    skin: Colour
    hair: str  # one of HAIR
    hair_colour: Colour
    top: str  # one of TOPS
    top_colour: Colour
    sleeve: float  # of the upper arm, for T-shirts
    loose: float  # metres that a T-shirt hangs away in front
    bottom: str  # one of BOTTOMS
    bottom_colour: Colour
    leg: float  # of the thigh, for shorts
    shoes: Colour | None  # None: bare feet
    lips: float  # how red
    beard: float  # 0..1: none, stubble, full


@dataclass(frozen=True, eq=False)
class Colours:
    """The paint of every vertex, for the renderer."""

    skin: Floats  # (V, 3) sRGB, 0..1
    hems: Floats  # (V, 4) metres inside each of LAYERS, negative outside
    layers: Floats  # (4, 3) their sRGB colours
    places: Floats  # (V, 3) at rest: cloth's pattern hangs on it

    def flat(self) -> Floats:
        """Return (V, 3) one colour per vertex, for renderers that know no hems."""
        colours = self.skin.copy()
        for hem, colour in zip(self.hems.T, self.layers, strict=True):
            colours[hem > 0] = colour
        return colours


@dataclass(frozen=True, eq=False)
class Dressed:
    """A body's outside at rest, clothes and hair included."""

    vertices: Floats  # (V, 3)
    colours: Colours


def draw_outfit(rng: np.random.Generator, body: Body) -> Outfit:
    """Draw skin, hair and clothes at random; plausible for the body's sex and age."""
    at = float(rng.uniform(0, len(_SKINS) - 1))
    i = min(int(at), len(_SKINS) - 2)
    skin = _mix(_SKINS[i], _SKINS[i + 1], at - i)
    old = body.name in {"edna", "moss"}
    hair_colour = _HAIRS[int(rng.integers(2 if at > 4 else len(_HAIRS)))]
    if old or rng.random() < 0.05:
        hair_colour = _mix((0.55, 0.54, 0.52), (0.85, 0.84, 0.82), float(rng.random()))
    if body.man:
        hair = rng.choice(HAIR, p=[0.15, 0.55, 0.25, 0.0, 0.03, 0.02])
        top = rng.choice(TOPS, p=[0.2, 0.2, 0.45, 0.15, 0.0])
        bottom = rng.choice(BOTTOMS, p=[0.65, 0.1, 0.25])
    else:
        hair = rng.choice(HAIR, p=[0.0, 0.1, 0.2, 0.15, 0.3, 0.25])
        top = rng.choice(TOPS, p=[0.0, 0.25, 0.3, 0.15, 0.3])
        bottom = rng.choice(BOTTOMS, p=[0.25, 0.6, 0.15])
    return Outfit(
        skin=skin,
        hair=str(hair),
        hair_colour=hair_colour,
        top=str(top),
        top_colour=_cloth(rng),
        sleeve=float(rng.uniform(0.5, 0.9)),
        loose=float(max(0.0, rng.uniform(-0.01, 0.03))),
        bottom=str(bottom),
        bottom_colour=_cloth(rng, dark=rng.random() < 0.6),
        leg=float(rng.uniform(0.3, 0.95)),
        shoes=None if rng.random() < 0.35 else _cloth(rng),
        lips=float(rng.uniform(0.0, 0.4) if body.man else rng.uniform(0.2, 1.0)),
        beard=float(rng.uniform(0.15, 0.8)) if body.man and rng.random() < 0.45 else 0.0,
    )


def dress(body: Body, outfit: Outfit) -> Dressed:
    """Put the outfit on. Needs no randomness: the same body and outfit give the same result."""
    hems = np.stack(
        [_bottom(body, outfit), _top(body, outfit), _shoes(body, outfit), _hair(body, outfit)], axis=1
    ).astype(np.float32)
    vertices = body.vertices.astype(np.float32).copy()
    if outfit.shoes is not None:
        vertices = anatomy.smooth(body, vertices, hems[:, 2] > 0, 30)
    if outfit.hair not in {"bald", "short"}:
        vertices = anatomy.smooth(
            body, vertices, (hems[:, 3] > 0) & ~anatomy.tongue(body), 25 if outfit.hair == "long" else 8
        )
    normals = anatomy.normals(vertices, body.faces)
    thick = np.zeros(len(vertices), np.float32)
    for hem, depth in zip(hems.T, _depths(body, outfit), strict=True):
        thick = np.maximum(thick, depth * np.clip(0.35 + hem / 0.012, 0, 1) * (hem > 0))
    vertices = vertices + thick[:, None] * normals + _hang(body, outfit, hems[:, 1], normals)
    vertices = _tail(body, outfit, vertices)
    skin = _paint(body, outfit)
    layers = np.array(
        [outfit.bottom_colour, outfit.top_colour, outfit.shoes or (0, 0, 0), outfit.hair_colour], np.float32
    )
    return Dressed(vertices.astype(np.float32), Colours(skin, hems, layers, body.vertices))


def _mix(a: Colour, b: Colour, t: float) -> Colour:
    r, g, b_ = (float(x + (y - x) * t) for x, y in zip(a, b, strict=True))
    return r, g, b_


def _cloth(rng: np.random.Generator, *, dark: bool = False) -> Colour:
    base = np.array(_CLOTHES[int(rng.integers(len(_CLOTHES)))]) * (0.45 if dark else 1.0)
    r, g, b = (float(v) for v in np.clip(base + rng.normal(0, 0.03, 3), 0.04, 0.95))
    return r, g, b


def _bottom(body: Body, outfit: Outfit) -> Floats:
    z = body.vertices[:, 2]
    waist = body.heads[body.bones["spine04"]][2] + 0.01
    hip = body.heads[body.bones["upperleg01.L"]][2]
    knee = hip - body.heads[body.bones["lowerleg01.L"]][2]
    ankle = hip - body.heads[body.bones["foot.L"]][2]
    end = knee * outfit.leg if outfit.bottom == "shorts" else ankle - 0.02
    field = np.minimum(waist - z, end - anatomy.leg(body))
    return np.where(anatomy.parts(body, *anatomy.ARM), -1, field).astype(np.float32)


def _top(body: Body, outfit: Outfit) -> Floats:
    x, y, z = body.vertices.T
    if outfit.top == "none":
        return np.full(len(x), -1, np.float32)
    neck = body.heads[body.bones["neck01"]]
    arm = anatomy.arm(body)
    _, upper = anatomy.along(body, "upperarm01.L", "lowerarm01.L")
    _, lower = anatomy.along(body, "lowerarm01.L", "wrist.L")
    neckline = neck[2] + 0.015 + 0.7 * (y - neck[1]) - z
    if outfit.top in {"tank", "sports top"}:
        # wide round the neck, open at the shoulders; deeper in front
        shoulder = body.heads[body.bones["upperarm01.L"]]
        opening = np.hypot(x, (z - neck[2]) * 0.9) - 0.085 + 0.1 * (y - neck[1])
        strap = shoulder[0] * 0.83 - np.abs(x) + 0.35 * np.maximum(shoulder[2] - z, 0)
        neckline = np.minimum(np.where(z > neck[2] - 0.12, opening, 1), np.minimum(strap, neckline + 0.05))
        end = -0.005
    else:
        end = upper * outfit.sleeve if outfit.top == "t-shirt" else upper + lower - 0.02
    hem = body.heads[body.bones["spine05"]][2] - 0.04
    if outfit.top == "sports top":
        hem = body.heads[body.bones["spine02"]][2] + 0.005
    field = np.minimum(neckline, end - arm)
    field = np.where(anatomy.parts(body, *anatomy.ARM), field, np.minimum(field, z - hem))
    # a strap is only a few vertices wide
    return anatomy.even(
        body,
        np.where(anatomy.parts(body, "eye"), -1, field),
        0 if outfit.top in {"tank", "sports top"} else 2,
    )


def _shoes(body: Body, outfit: Outfit) -> Floats:
    if outfit.shoes is None:
        return np.full(len(body.vertices), -1, np.float32)
    ankle = body.heads[body.bones["foot.L"]][2]
    field = ankle - 0.005 - body.vertices[:, 2]
    return np.where(anatomy.parts(body, *anatomy.LEG), field, -1).astype(np.float32)


def _hair(body: Body, outfit: Outfit) -> Floats:
    x, y, z = anatomy.face(body).T
    if outfit.hair == "bald":
        return np.full(len(x), -1, np.float32)
    # the hairline from the side: how low hair grows, from the forehead over the temple and ear to the nape
    line = {
        "long": [0.92, 0.85, 0.62, 0.25, -1.2, -1.9, -1.9, -1.9],
        "medium": [1.00, 0.88, 0.60, 0.35, -0.30, 0.0, -0.85, -1.05],
    }.get(outfit.hair, [1.08, 0.92, 0.62, 0.40, -0.20, 0.10, -0.55, -0.80])
    temple = 0.16 * np.clip((np.abs(x) - 0.25) / 0.5, 0, 1) * np.clip((0.7 - y) / 0.5, 0, 1)
    field = z - temple - np.interp(y, [-0.5, 0.0, 0.5, 0.78, 0.92, 1.2, 1.7, 2.0], line)
    if outfit.hair != "long":
        field = np.where(anatomy.ears(body), np.minimum(field, -0.3), field)
    field = np.where(anatomy.parts(body, "head", "neck"), field, -1)
    if outfit.hair in {"bun", "ponytail"}:
        field = np.where(anatomy.tongue(body), 1, field)
    return anatomy.even(body, field * 0.06, 2)  # an eye distance is about 6 cm


def _depths(body: Body, outfit: Outfit) -> tuple[float, float, float, float]:
    bottom = {"shorts": 0.010, "leggings": 0.003, "joggers": 0.013}[outfit.bottom]
    top = {"none": 0.0, "tank": 0.007, "t-shirt": 0.010, "long sleeve": 0.008, "sports top": 0.004}[
        outfit.top
    ]
    hair = {"bald": 0.0, "short": 0.010, "medium": 0.022, "long": 0.020}.get(outfit.hair, 0.010)
    return bottom, top, 0.010, hair


def _hang(body: Body, outfit: Outfit, top: Floats, normals: Floats) -> Floats:
    """(V, 3) how a T-shirt hangs away from the front of somebody who lies on it."""
    moved = np.zeros_like(body.vertices)
    if outfit.top != "t-shirt":
        return moved
    trunk = ~anatomy.parts(body, *anatomy.ARM)
    low = body.heads[body.bones["spine05"]][2]
    high = body.heads[body.bones["spine01"]][2]
    share = np.clip((high - body.vertices[:, 2]) / (high - low), 0, 1)
    share = share * np.clip(-normals[:, 1], 0, 1) * np.clip(0.3 + top / 0.02, 0, 1) * (top > 0) * trunk
    moved[:, 1] = -outfit.loose * share
    return moved


def _tail(body: Body, outfit: Outfit, vertices: Floats) -> Floats:
    """Tie the hair: the surface of the unseen tongue becomes a bun or a ponytail at the back of the head."""
    if outfit.hair not in {"bun", "ponytail"}:
        return vertices
    left, right = body.heads[body.bones["eye.L"]], body.heads[body.bones["eye.R"]]
    unit = float(np.linalg.norm(left - right))
    face, tongue = anatomy.face(body), anatomy.tongue(body)
    head = face[anatomy.parts(body, "head") & (face[:, 1] > 1.0) & ~tongue]
    knot = head[np.argmax(head @ np.array([0, 0.85, 0.45], np.float32))]
    if outfit.hair == "bun":
        centre, size = knot + np.array([0, 0.22, 0.12]), np.array([0.48, 0.40, 0.48])
    else:
        centre, size = knot + np.array([0, 0.35, -0.60]), np.array([0.27, 0.24, 1.0])
    ball = vertices[tongue] - vertices[tongue].mean(axis=0)
    ball = ball / np.abs(ball).max(axis=0)
    ball /= np.linalg.norm(ball, axis=1, keepdims=True)
    tied = vertices.copy()
    tied[tongue] = (left + right) / 2 + unit * (centre + ball * size * (-1, -1, 1))
    return tied


def _paint(body: Body, outfit: Outfit) -> Floats:
    """(V, 3) the skin's own colours: eyes, brows, lips, cheeks, stubble of the bald."""
    skin = np.tile(np.array(outfit.skin, np.float32), (len(body.vertices), 1))
    base, dark = np.array(outfit.skin), np.array(outfit.hair_colour)
    for name, colour, share in (
        ("beard", dark, outfit.beard),
        ("cheeks", base * (1.0, 0.82, 0.80), 0.5),
        ("lips", base * (0.92, 0.74 - 0.28 * outfit.lips, 0.72 - 0.22 * outfit.lips), 0.85),
        ("lids", base * 0.45, 0.8),
        ("brows", dark * 0.8, 0.9),
        ("white", np.array([0.93, 0.92, 0.90]), 1.0),
        ("iris", np.array([0.16, 0.10, 0.07]), 1.0),
    ):
        weight = anatomy.features()[name][:, None] * share
        skin = skin * (1 - weight) + colour.astype(np.float32) * weight
    return skin.astype(np.float32)
