"""What plays a rep in Label Studio: its clip and renditions, one of them shown, and what the machine says.

Label Studio takes scripts and `on…` attributes out of HTML, but neither videos nor styles. So all four videos
are there, and the boxes "Skeleton" and "Half speed" show one of them, by the labeling config's style sheet.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.sax.saxutils import escape

from pushup_data.labelstudio.client import Client
from pushup_data.workspace import RENDITIONS, Workspace

CLIP = "clip"
KINDS = (CLIP, *RENDITIONS)  # the videos of a rep, by what they show
SKELETON, SLOW = "skeleton", "slow"  # the boxes

# The clip leaves room below itself for seven reasons, whatever the screen's height.
STYLE = """
    .rep-videos video { display: none; width: 100%; max-height: calc(100vh - 290px); background: #000 }
    .rep-task:not(:has([name=skeleton]:checked)):not(:has([name=slow]:checked)) video.clip,
    .rep-task:has([name=skeleton]:checked):not(:has([name=slow]:checked)) video.skeleton,
    .rep-task:not(:has([name=skeleton]:checked)):has([name=slow]:checked) video.slow,
    .rep-task:has([name=skeleton]:checked):has([name=slow]:checked) video.skeleton-slow { display: block }
    .rep-said { margin: 8px 0 0; font-size: 15px; line-height: 1.35 }
"""


def addresses(
    client: Client, project: int, workspace: Workspace, clip: str, uploaded: Mapping[str, str]
) -> dict[str, str]:
    """Return where each of KINDS is played from: this machine, or the server, which gets each file once."""
    if client.access.local:
        return locals_of(workspace, clip)
    return {
        kind: uploaded.get(kind) or client.upload(project, path.name, path.read_bytes())
        for kind, path in _paths(workspace, clip).items()
    }


def locals_of(workspace: Workspace, clip: str) -> dict[str, str]:
    """Return the addresses of KINDS on the local server."""
    return {kind: local(path) for kind, path in _paths(workspace, clip).items()}


def local(path: Path) -> str:
    """Return the address of a file in one of the folders that the local server serves."""
    return f"/data/local-files/?d={path.parent.name}/{path.name}"


def html(videos: Mapping[str, str], reasons: Sequence[str]) -> str:
    """Return the HTML that plays a clip silently, again and again, above what the machine has to say."""
    play = "autoplay loop muted playsinline controls"
    shown = "".join(
        f'<video class="{kind}" src="{escape(videos[kind], {chr(34): "&quot;"})}" {play}></video>'
        for kind in KINDS
    )
    said = "".join(f"<div>{escape(reason)}</div>" for reason in reasons)
    return f'<div class="rep-videos">{shown}</div><div class="rep-said">{said}</div>'


def _paths(workspace: Workspace, clip: str) -> dict[str, Path]:
    beside = {kind: workspace.rendition(clip, kind) for kind in RENDITIONS}
    return {CLIP: workspace.clips / clip, **beside}
