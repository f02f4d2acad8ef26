"""The bootstrap model: what kinematics alone say about each error of a rep, with the figure in words.

Every rule measures one quantity and turns it into a probability by a logistic curve whose threshold and
softness stand in params.yaml. It labels before any annotator has, and stays as the baseline to beat.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pushup_data import params, quality
from pushup_data.geometry import Series
from pushup_data.kinematics import Signals
from pushup_data.reps import Rep
from pushup_data.taxonomy import Taxonomy

_TOP_S = 0.3  # the top is looked for up to this long before and after the rep: reps are cut tightly
_CUT_S = 0.1  # a bottom so near to the first or last frame of a partial rep may be where the video is cut
_MIN_KNOWN = 0.5  # share of the rep's frames that must have a figure


@dataclass(frozen=True)
class Opinion:
    """On one error of one rep; `probability` None means that nobody could tell, `reason` why."""

    error: str
    probability: float | None
    reason: str


@dataclass(frozen=True)
class _Measured:
    """What a rule found: `beyond` is 0 at the threshold and positive where the error is, in softnesses."""

    beyond: float
    reason: str


def judge(
    rep: Rep,
    signals: Signals,
    fps: float,
    flags: Sequence[str],
    *,
    taxonomy: Taxonomy,
    rules: params.Rules,
) -> list[Opinion]:
    """Return one opinion per error of the taxonomy.

    `signals` are the whole video's, `flags` the rep's, in the words of quality.py.
    """
    window = _Window(rep, signals, fps)
    opinions = []
    for error in taxonomy.errors:
        measure = _RULES.get(error.id)
        if measure is None:
            opinions.append(Opinion(error.id, None, "no rule for this error"))
        elif failed := quality.hides(flags, error.id):
            opinions.append(Opinion(error.id, None, failed))
        elif not error.judged_from(rep.view):
            opinions.append(Opinion(error.id, None, _UNSEEN[rep.view]))
        else:
            opinions.append(_opinion(error.id, measure(window, getattr(rules, error.id))))
    return opinions


def _opinion(error: str, measured: _Measured | str) -> Opinion:
    if isinstance(measured, str):
        return Opinion(error, None, measured)
    if not np.isfinite(measured.beyond):
        return Opinion(error, None, "the limbs are not found in enough frames")
    probability = 1 / (1 + np.exp(-np.clip(measured.beyond, -30, 30)))
    return Opinion(error, float(probability), measured.reason)


_UNSEEN = {
    "side": "not seen from the side",
    "oblique": "not seen from an oblique view",
    "front": "not seen from the front",
    "unknown": "the camera's view is not known",
}


@dataclass(frozen=True)
class _Window:
    """A rep's part of the signals."""

    rep: Rep
    signals: Signals
    fps: float

    def over(self, series: Series) -> Series:
        """Return the rep's frames."""
        return series[self.rep.start : self.rep.end]

    def top(self, series: Series) -> Series:
        """Return the rep's frames and those just before and after."""
        more = round(_TOP_S * self.fps)
        return series[max(self.rep.start - more, 0) : self.rep.end + more]

    def lower_half(self, series: Series) -> Series:
        """Return the frames in which the shoulders are in the lower half of the rep's way."""
        height = self.over(self.signals.height)
        if not np.isfinite(height).any():
            return self.over(series)
        return self.over(series)[height <= (np.nanmin(height) + np.nanmax(height)) / 2]

    @property
    def bottom_cut(self) -> bool:
        """Whether the lowest frame may only be where the video begins or ends."""
        margin = max(round(_CUT_S * self.fps), 1)
        return self.rep.partial and not (self.rep.start + margin <= self.rep.bottom < self.rep.end - margin)


def _sagging(window: _Window, rule: params.Rule) -> _Measured | str:
    value = _percentile(_hip(window), 25)
    return _Measured((rule.threshold - value) / rule.softness, _hip_in_words(window, value))


def _piked(window: _Window, rule: params.Rule) -> _Measured | str:
    value = _percentile(_hip(window), 50)
    return _Measured((value - rule.threshold) / rule.softness, _hip_in_words(window, value))


def _shallow(window: _Window, rule: params.Rule) -> _Measured | str:
    value = _percentile(window.over(window.signals.height), 0)
    reason = f"shoulders {value:.1f} upper arms above the hands at the bottom"
    if window.rep.view != "front":  # bent arms point at a camera in front: their angle is not seen
        reason += f", elbows at {_percentile(window.over(window.signals.elbow), 0):.0f}°"
    measured = _Measured((value - rule.threshold) / rule.softness, reason)
    return "the video does not show the bottom" if window.bottom_cut and measured.beyond > 0 else measured


def _lockout(window: _Window, rule: params.Rule) -> _Measured | str:
    value = _percentile(window.top(window.signals.elbow), 100)
    measured = _Measured((rule.threshold - value) / rule.softness, f"elbows at {value:.0f}° at the top")
    return "the video does not show the top" if window.rep.partial and measured.beyond > 0 else measured


def _flared(window: _Window, rule: params.Rule) -> _Measured | str:
    value = _percentile(window.lower_half(window.signals.spread), 50)
    reason = f"elbows {value:.1f} shoulder widths apart in the lower half"
    return _Measured((value - rule.threshold) / rule.softness, reason)


def _head(window: _Window, rule: params.Rule) -> _Measured | str:
    value = _percentile(window.over(window.signals.near_neck), 50)
    reason = f"ears {abs(value):.0f}° {'below' if value < 0 else 'above'} the line of the trunk"
    return _Measured((rule.threshold - value) / rule.softness, reason)


def _asymmetric(window: _Window, rule: params.Rule) -> _Measured | str:
    value = abs(_percentile(window.lower_half(window.signals.tilt), 50))
    reason = f"shoulders {value:.0f}° off the line of the hands"
    return _Measured((value - rule.threshold) / rule.softness, reason)


def _hip(window: _Window) -> Series:
    signals = window.signals
    return window.over(signals.hip_knee if window.rep.support == "knees" else signals.hip_ankle)


def _hip_in_words(window: _Window, value: float) -> str:
    end = "knees" if window.rep.support == "knees" else "ankles"
    where = "below" if value < 0 else "above"
    return f"hips {abs(value) * 100:.0f} % of body length {where} the line from shoulders to {end}"


def _percentile(series: Series, q: float) -> float:
    """Return a percentile over the known frames; NaN where too few are known."""
    known = np.isfinite(series)
    if not len(series) or known.mean() < _MIN_KNOWN:
        return float("nan")
    return float(np.percentile(series[known], q))


_RULES: Mapping[str, Callable[[_Window, params.Rule], _Measured | str]] = {
    "hips_sagging": _sagging,
    "hips_piked": _piked,
    "shallow_depth": _shallow,
    "incomplete_lockout": _lockout,
    "elbows_flared": _flared,
    "head_dropped": _head,
    "asymmetric": _asymmetric,
}
