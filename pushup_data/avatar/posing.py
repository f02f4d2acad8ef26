"""Put a body into push-up poses: hands and feet stay where they are, the body turns about them.

World: X towards the head, Y to the subject's left, Z up, the floor at 0, metres. A body that lies straight,
face down, is the pose in which no bone is turned. Angles are degrees; T is the number of frames.

The body turns as one piece about its support (ankles or knees); how far follows from how long the arms are,
by the elbows' flexion, that is; the law of cosines. Each arm then is two bones between shoulder and wrist.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from pushup_data.avatar import turns
from pushup_data.avatar.bodies import Body, Floats
from pushup_data.avatar.turns import Series

_PRONE = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])  # from standing to lying face down
_NECK = {"neck01": 0.35, "neck02": 0.55, "neck03": 0.75, "head": 1.0}  # share of the neck's angle, from below
_LUMBAR = {"spine05": 0.5, "spine04": 0.8, "spine03": 1.0}
_ROLL = {"spine05": 0.25, "spine04": 0.5, "spine03": 0.75, "spine02": 1.0}
_SHOULDER_TWIST_BACK = 0.35  # what the skin at the shoulder is spared of the upper arm's own turn
_FOREARM_TWIST = 0.5  # how much of the hand's turn the forearm takes over
_FOOT_DEG = 8.0  # how far the ankles are before the balls of the feet, at the top
_TOES_DEG = 72.0  # the toes are bent up, flat on the floor
_SIDES = (("L", 1.0), ("R", -1.0))


@dataclass(frozen=True)
class Stance:
    """How somebody stands on hands and feet; it does not change within a set."""

    on_knees: bool = False
    hands: float = 1.2  # half the distance of the wrists, in halves of the shoulders' width
    reach: float = 0.03  # wrists before (+) or behind the shoulders at the top, metres
    feet: float = 0.12  # half the distance of the ankles, metres
    toe_out: float = 8.0  # of the hands
    shins: float = 15.0  # slope of the shins on the knees: 0 flat on the floor, 90 upright
    lumbar: float = 0.45  # share of the bend between legs and trunk that the spine takes over


@dataclass(frozen=True)
class Angles:
    """The pose of every frame, each (T,), in degrees."""

    flexion: Series  # elbows, 0 straight
    flare: Series  # upper arms away from the trunk as seen from above
    hip: Series  # + piked, - sagging: legs against trunk
    knee: Series  # flexion
    neck: Series  # + towards the chest
    roll: Series  # trunk about its long axis, + left shoulder up
    shoulders: Series  # blades: + pushed apart, - drawn together
    rock: Series  # ankles forward over the toes

    def __len__(self) -> int:
        return len(self.flexion)

    def at(self, frames: npt.NDArray[np.int64] | slice) -> "Angles":
        """Return some of the frames."""
        return Angles(**{f.name: getattr(self, f.name)[frames] for f in fields(self)})


@dataclass(frozen=True)
class Posed:
    """Bones in the world."""

    rotations: Series  # (T, B, 3, 3), of each bone from the upright rest
    heads: Series  # (T, B, 3)
    flexion: Series  # (T, 2) of the left and right elbow, as they came out


def pose(body: Body, stance: Stance, angles: Angles) -> Posed:
    """Return the bones of every frame. Feet (or knees) and hands stay put to the millimetre."""
    bones, steps = body.bones, len(angles)
    rest = body.heads.astype(np.float64) @ _PRONE.T
    turned = np.broadcast_to(np.eye(3), (steps, len(rest), 3, 3)).copy()
    _bend(turned, body, stance, angles)
    heads = _placed(rest, turned, body)

    pivot = "lowerleg01" if stance.on_knees else "foot"
    support = _support(body, stance, rest, angles.rock)
    arms = _arm_lengths(rest, bones)
    wrists = _wrists(body, stance, rest, support[0], arms)
    support, wrists = (p - [wrists[0, 0] / 2, 0, 0] for p in (support, wrists))  # the body about the origin
    flexed = np.radians(angles.flexion)
    length = np.sqrt(arms[0] ** 2 + arms[1] ** 2 + 2 * arms[0] * arms[1] * np.cos(flexed))
    middle = _middle(heads, bones, "upperarm01") - _middle(heads, bones, pivot)
    across = (heads[:, bones["upperarm01.L"], 1] - heads[:, bones["upperarm01.R"], 1]) / 2
    sideways = np.abs(wrists[0, 1]) - across
    # Where the body must turn to so that the shoulders are an arm's length from the hands.
    reach = np.sqrt(np.maximum(length**2 - sideways**2, 1e-6))
    to_hands = wrists.mean(axis=0) - support
    r, q = np.hypot(middle[:, 0], middle[:, 2]), np.hypot(to_hands[:, 0], to_hands[:, 2])
    cosine = np.clip((r**2 + q**2 - reach**2) / (2 * r * q), -1, 1)
    slope = np.arctan2(to_hands[:, 2], to_hands[:, 0]) + np.arccos(cosine)
    slope -= np.arctan2(middle[:, 2], middle[:, 0])
    turned = turns.up(np.degrees(slope))[:, None] @ turned
    heads = _placed(rest, turned, body)
    heads += (support - _middle(heads, bones, pivot))[:, None]

    _plant_legs(turned, body, stance, angles.rock)
    heads = _placed(rest, turned, body)
    heads += (support - _middle(heads, bones, pivot))[:, None]
    found, elbows, hands = _arms(turned, heads, rest, body, stance=stance, wrists=wrists, flare=angles.flare)
    fixed = {bones["root"]: heads[:, 0]}
    for k, (side, _) in enumerate(_SIDES):
        fixed |= {bones[f"lowerarm01.{side}"]: elbows[k], bones[f"wrist.{side}"]: hands[k]}
    return Posed(turned @ _PRONE, _placed(rest, turned, body, fixed), found)


def _bend(turned: Series, body: Body, stance: Stance, angles: Angles) -> None:
    """Turn legs, spine, shoulder girdle and neck against the pelvis."""
    spine = angles.hip * stance.lumbar
    joint = angles.hip - spine
    for side, sign in _SIDES:
        legs = turns.up(joint) @ _leg_yaw(body, stance, side, sign)
        for part in _below(body, f"upperleg01.{side}"):
            turned[:, part] = legs
        shins = turns.up(joint - angles.knee) @ _leg_yaw(body, stance, side, sign)
        for part in _below(body, f"lowerleg01.{side}"):
            turned[:, part] = shins
    trunk = np.broadcast_to(np.eye(3), turned[:, 0].shape)
    for name in ("spine05", "spine04", "spine03", "spine02", "spine01"):
        trunk = turns.up(-spine * _LUMBAR.get(name, 1.0)) @ turns.about_x(angles.roll * _ROLL.get(name, 1.0))
        for part in _below(body, name):
            turned[:, part] = trunk
    for side, sign in _SIDES:
        for part in _below(body, f"clavicle.{side}"):
            turned[:, part] = trunk @ turns.about_x(-sign * angles.shoulders)
    for name, share in _NECK.items():
        for part in _below(body, name):
            turned[:, part] = trunk @ turns.up(-angles.neck * share)


def _plant_legs(turned: Series, body: Body, stance: Stance, rock: Series) -> None:
    """Keep what touches the floor as it is: feet on their toes, or shins behind the knees."""
    for side, sign in _SIDES:
        if stance.on_knees:
            shin = turns.up(np.array([-stance.shins])) @ _leg_yaw(body, stance, side, sign)
            for part in _below(body, f"lowerleg01.{side}"):
                turned[:, part] = shin
            for part in _below(body, f"foot.{side}"):
                turned[:, part] = shin @ turns.up(np.array([-55.0]))  # feet stretched
        else:
            for part in _below(body, f"foot.{side}"):
                turned[:, part] = turns.up(-_FOOT_DEG - rock)
            for part in _toes(body, side):
                turned[:, part] = turns.up(np.array([_TOES_DEG]))


def _support(body: Body, stance: Stance, rest: Series, rock: Series) -> Series:
    """Return (T, 3) the middle of the ankles (or knees) that puts the lowest skin on the floor."""
    bones = body.bones
    turned = np.broadcast_to(np.eye(3), (1, len(rest), 3, 3)).copy()
    _plant_legs(turned, body, stance, np.zeros(1))
    heads = _placed(rest, turned, body)
    name = "lowerleg01" if stance.on_knees else "foot"
    touching = ("lowerleg", "upperleg02") if stance.on_knees else ("foot", "toe")
    numbers = [i for n, i in bones.items() if n.endswith(".L") and n.startswith(touching)]
    skin = np.isin(body.part, numbers)
    height = _skinned(body, turned[0], heads[0])[skin, 2].min() - heads[0, bones[f"{name}.L"], 2]
    place = np.tile([0.0, 0.0, -height], (len(rock), 1))
    if not stance.on_knees:  # the ankles turn about the balls of the feet
        ball = heads[0, [bones[f"toe{k}-1.L"] for k in range(1, 6)]].mean(axis=0) - heads[0, bones["foot.L"]]
        ankle = -ball * [1.0, 0.0, 1.0]
        place += np.einsum("tij,j->ti", turns.up(-rock), ankle) - ankle
    return place


def _wrists(body: Body, stance: Stance, rest: Series, support: Series, arms: tuple[float, float]) -> Series:
    """Return the (2, 3) left and right wrist on the floor, below the shoulders of a straight body."""
    bones = body.bones
    pivot = "lowerleg01" if stance.on_knees else "foot"
    shoulder = (rest[bones["upperarm01.L"]] + rest[bones["upperarm01.R"]]) / 2
    half = float(rest[bones["upperarm01.L"], 1])
    width = half * stance.hands
    height = _wrist_height(body, rest)
    up = height + np.sqrt((arms[0] + arms[1]) ** 2 - (width - half) ** 2)
    arm = shoulder - (rest[bones[f"{pivot}.L"]] + rest[bones[f"{pivot}.R"]]) / 2
    r = float(np.hypot(arm[0], arm[2]))
    x = support[0] + np.sqrt(max(r**2 - (up - support[2]) ** 2, 0.01)) + stance.reach
    return np.array([[x, width, height], [x, -width, height]])


def _wrist_height(body: Body, rest: Series) -> float:
    """Return how high the wrist is when the hand lies flat on the floor."""
    bones = body.bones
    turned = np.broadcast_to(np.eye(3), (1, len(rest), 3, 3)).copy()
    _flat_hand(turned, rest, body, "L", 0.0)
    heads = _placed(rest, turned, body)
    numbers = [i for n, i in bones.items() if n.endswith(".L") and n.startswith(("wrist", "finger", "metac"))]
    skin = _skinned(body, turned[0], heads[0])[np.isin(body.part, numbers), 2]
    return float(heads[0, bones["wrist.L"], 2] - np.percentile(skin, 4))


def _arms(
    turned: Series,
    heads: Series,
    rest: Series,
    body: Body,
    *,
    stance: Stance,
    wrists: Series,
    flare: Series,
) -> tuple[Series, list[Series], list[Series]]:
    """Turn both arms so that the wrists are at their places.

    Returns (T, 2) elbow flexions, and by side (T, 3) elbows and wrists.
    """
    bones = body.bones
    upper, fore = _arm_lengths(rest, bones)
    found, elbows, hands = [], [], []
    for (side, sign), wrist in zip(_SIDES, wrists, strict=True):
        at = {
            n: bones[f"{n}.{side}"] for n in ("upperarm01", "upperarm02", "lowerarm01", "lowerarm02", "wrist")
        }
        shoulder = heads[:, at["upperarm01"]]
        line = wrist - shoulder
        far = np.minimum(np.linalg.norm(line, axis=1), (upper + fore) * 0.9999)
        line = line / np.linalg.norm(line, axis=1)[:, None]
        away = np.radians(flare)
        pole = np.stack([-np.cos(away), sign * np.sin(away), np.full(len(away), 0.1)], axis=1)
        bend = turns.unit(pole - (pole * line).sum(axis=1)[:, None] * line)
        along = (upper**2 - fore**2 + far**2) / (2 * far)
        off = np.sqrt(np.maximum(upper**2 - along**2, 0))
        elbow = shoulder + along[:, None] * line + off[:, None] * bend
        hinge = np.cross(bend, line)
        first = rest[at["lowerarm01"]] - rest[at["upperarm01"]]
        second = rest[at["wrist"]] - rest[at["lowerarm01"]]
        still = np.cross(first, second)
        arm = turns.frame(elbow - shoulder, hinge) @ turns.frame(first[None], still[None]).transpose(0, 2, 1)
        hand = shoulder + far[:, None] * line  # the wrist's place, unless it is out of reach
        elbows.append(elbow)
        hands.append(hand)
        forearm = turns.frame(hand - elbow, hinge) @ turns.frame(second[None], still[None]).transpose(0, 2, 1)
        axis = turns.unit(elbow - shoulder)
        twist = turns.twist(turned[:, at["upperarm01"]], arm, turns.unit(first[None]), axis)
        turned[:, at["upperarm01"]] = turns.about(axis, -_SHOULDER_TWIST_BACK * twist) @ arm
        turned[:, at["upperarm02"]] = arm
        _flat_hand(turned, rest, body, side, stance.toe_out)
        turned[:, at["lowerarm01"]] = forearm
        axis = turns.unit(hand - elbow)
        twist = turns.twist(forearm, turned[:, at["wrist"]], turns.unit(second[None]), axis)
        turned[:, at["lowerarm02"]] = turns.about(axis, _FOREARM_TWIST * twist) @ forearm
        found.append(
            np.degrees(np.arccos(np.clip((far**2 - upper**2 - fore**2) / (2 * upper * fore), -1, 1)))
        )
    return np.stack(found, axis=1), elbows, hands


def _flat_hand(turned: Series, rest: Series, body: Body, side: str, toe_out: float) -> None:
    """Lay a hand flat on the floor, fingers forward."""
    sign = dict(_SIDES)[side]
    bones = body.bones
    wrist, index, middle, little = (
        rest[bones[f"{n}.{side}"]] for n in ("wrist", "finger2-1", "finger3-1", "finger5-1")
    )
    forward, across = middle - wrist, sign * (index - little)
    out = np.radians(toe_out) * sign
    still = turns.frame(forward[None], np.cross(across, forward)[None])
    lying = turns.frame(np.array([[np.cos(out), np.sin(out), 0.0]]), np.array([[0.0, 0.0, 1.0]]))
    hand = lying @ still.transpose(0, 2, 1)
    for part in _below(body, f"wrist.{side}"):
        turned[:, part] = hand
    for finger in "12345":
        parts = [bones[f"finger{finger}-{k}.{side}"] for k in (1, 2, 3)]
        for k, part in enumerate(parts):
            ahead = rest[parts[min(k, 1) + 1]] - rest[parts[min(k, 1)]]
            now = hand[0] @ ahead
            flat = now * np.array([1.0, 1.0, 0.0])
            turned[:, part] = turns.swing(turns.unit(now[None]), turns.unit(flat[None])) @ hand


def _skinned(body: Body, turned: Series, heads: Series) -> Floats:
    return body.skin((turned @ _PRONE).astype(np.float32), heads.astype(np.float32))


def _placed(rest: Series, turned: Series, body: Body, fixed: Mapping[int, Series] | None = None) -> Series:
    """Return (T, B, 3) bone heads of turned bones; `fixed` ones are where they are said to be."""
    heads = np.empty((*turned.shape[:2], 3))
    heads[:, 0] = rest[0]
    for bone, parent in enumerate(body.parents):
        if fixed and bone in fixed:
            heads[:, bone] = fixed[bone]
        elif parent >= 0:
            heads[:, bone] = heads[:, parent] + turned[:, parent] @ (rest[bone] - rest[parent])
    return heads


def _below(body: Body, name: str) -> list[int]:
    """Return a bone and all that hang on it."""
    first = body.bones[name]
    found = {first}
    for bone, parent in enumerate(body.parents):
        if parent in found:
            found.add(bone)
    return sorted(found)


def _toes(body: Body, side: str) -> list[int]:
    return [i for name, i in body.bones.items() if name.startswith("toe") and name.endswith(f".{side}")]


def _leg_yaw(body: Body, stance: Stance, side: str, sign: float) -> Series:
    """Return the (1, 3, 3) turn that puts an ankle at its distance from the middle."""
    rest = body.heads.astype(np.float64) @ _PRONE.T
    hip, foot = rest[body.bones[f"upperleg01.{side}"]], rest[body.bones[f"foot.{side}"]]
    length = float(np.hypot(*(foot - hip)[:2]))
    wanted = np.arcsin(np.clip((sign * stance.feet - hip[1]) / length, -1, 1))
    now = np.arcsin((foot - hip)[1] / length)
    return turns.yaw(np.degrees(np.array([now - wanted])))


def _arm_lengths(rest: Series, bones: dict[str, int]) -> tuple[float, float]:
    shoulder, elbow, wrist = (rest[bones[f"{n}.L"]] for n in ("upperarm01", "lowerarm01", "wrist"))
    return float(np.linalg.norm(elbow - shoulder)), float(np.linalg.norm(wrist - elbow))


def _middle(heads: Series, bones: dict[str, int], name: str) -> Series:
    return (heads[:, bones[f"{name}.L"]] + heads[:, bones[f"{name}.R"]]) / 2
