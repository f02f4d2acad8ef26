"""How often the camera's view is told as two raters tell it, on the real clips where they agree.

python benchmarks/views.py --real DIR
"""

from collections import Counter

from collection import load, parser

from pushup_data import quality

VIEWS = ("side", "oblique", "front", "unknown")


def main() -> None:
    options = parser(__doc__ or "").parse_args()
    clips = [clip for clip in load(options.real, options.cache) if clip.agreed("view")]
    told: Counter[tuple[str, str]] = Counter((clip.a["view"], quality.view_of(clip.pose)) for clip in clips)
    print(f"{'raters':<10}" + "".join(f"{view:>9}" for view in VIEWS))
    for raters in VIEWS[:3]:
        print(f"{raters:<10}" + "".join(f"{told[raters, view]:>9}" for view in VIEWS))
    right = sum(told[view, view] for view in VIEWS)
    print(f"as the raters: {right} of {len(clips)} ({right / len(clips):.1%})")


if __name__ == "__main__":
    main()
