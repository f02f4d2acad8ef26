"""How fast a round's heavy parts are, as ratios measured in one run, and how much memory a worker takes.

    python benchmarks/round.py [pose] [ingest] [memory] [noop] --real DIR [--minutes 2] [--videos 4]

pose    the pose stage against a plain loop over the same frames in one process, with the flip test, which the
        loop has not, and without; aim: without it at least 0.8 x cores
ingest  the ingest stage against plain ffmpeg, for videos that must be encoded; aim: at most 1.2
memory  peak of one worker on a short and on a 30-minute video; aim: below 1.5 GiB, and independent of length
noop    `dvc repro` with nothing new against twelve trivial DVC stages; aim: at most 2, but for the requests

Long videos are made by repeating real clips, one clip of each scene in turn.
"""

import argparse
import csv
import multiprocessing
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np

from pushup_data import demo, ledger, params, pose, scaffold, taxonomy, video, workers
from pushup_data.labelstudio import pull, server
from pushup_data.labelstudio.client import Client
from pushup_data.params import Params
from pushup_data.stages import ingest
from pushup_data.stages import pose as pose_stage
from pushup_data.workspace import Workspace

GIB = 2**30
H264 = "-c:v libx264 -preset veryfast -crf 20 -pix_fmt yuv420p"
MPEG4 = "-c:v mpeg4 -q:v 3"
# What ingest asks of ffmpeg, as one would type it.
PLAIN = f"{H264} -an -map_metadata -1 -movflags +faststart"
NOOP_RUNS = 3


@dataclass(frozen=True)
class Run:
    """What one process took, with all that it started."""

    result: Any
    seconds: float
    peak: int  # bytes of the process itself
    peak_children: int  # bytes of the largest process that it started


def measured(function: Callable[..., Any], *arguments: Any) -> Run:
    """Run a function in a process of its own."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_measure, args=(theirs, function, arguments))
    process.start()
    theirs.close()
    try:
        run: Run = ours.recv()
    except EOFError:
        process.join()
        sys.exit(f"{function.__name__} failed")
    process.join()
    return run


def _measure(to: Connection, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    start = time.perf_counter()
    result = function(*arguments)
    seconds = time.perf_counter() - start
    unit = 1 if sys.platform == "darwin" else 1024
    own, children = (
        resource.getrusage(who).ru_maxrss * unit for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    to.send(Run(result, seconds, own, children))


def scenes(real: Path) -> Iterator[dict[str, str]]:
    """Yield a clip of each scene, then another of each, and so on."""
    with (real / "clips.csv").open(newline="", encoding="utf-8") as file:
        clips = sorted(csv.DictReader(file), key=lambda row: -float(row["duration_s"]))
    seen: dict[str, int] = {}
    order = []
    for clip in clips:
        seen[clip["scene"]] = seen.get(clip["scene"], 0) + 1
        order.append((seen[clip["scene"]], clip))
    yield from (clip for _, clip in sorted(order, key=lambda pair: pair[0]))


def repeated(clip: Path, seconds: float, target: Path, how: str) -> Path:
    """Write a video that repeats a clip; `how` are ffmpeg's words for the encoder."""
    target.parent.mkdir(parents=True, exist_ok=True)
    ffmpeg("-stream_loop", "-1", "-i", str(clip), "-t", str(seconds), "-an", *how.split(), str(target))
    return target


def ffmpeg(*arguments: str) -> None:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-y", "-loglevel", "error", *arguments]
    subprocess.run(command, check=True)


def filled(root: Path, real: Path, seconds: float, videos: int, how: str, suffix: str) -> Workspace:
    """Return a new workspace with long videos in data/raw."""
    scaffold.init(root)
    workspace = Workspace(root)
    for _, clip in zip(range(videos), scenes(real), strict=False):
        repeated(real / clip["file"], seconds, workspace.raw / f"{clip['clip_id']}{suffix}", how)
    return workspace


def plain_loop(paths: Sequence[Path], model: Path) -> int:
    """Track one person through videos as MediaPipe's own example does; return the frames."""
    import cv2
    import mediapipe as mp
    from mediapipe.tasks.python import BaseOptions, vision

    options = vision.PoseLandmarkerOptions(
        base_options=BaseOptions(model_asset_path=str(model)), running_mode=vision.RunningMode.VIDEO
    )
    found = []
    for path in paths:
        capture = cv2.VideoCapture(str(path))
        rate = capture.get(cv2.CAP_PROP_FPS)
        with vision.PoseLandmarker.create_from_options(options) as landmarker:
            number = 0
            while True:
                there, picture = capture.read()
                if not there:
                    break
                image = mp.Image(
                    image_format=mp.ImageFormat.SRGB, data=cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
                )
                result = landmarker.detect_for_video(image, int(number * 1000 / rate))
                found.append([[(p.x, p.y, p.z, p.visibility) for p in q] for q in result.pose_landmarks])
                number += 1
    return len(found)


def bench_pose(work: Path, settings: Params, options: argparse.Namespace) -> bool:
    workspace = filled(work / "pose", options.real, options.minutes * 60, options.videos, H264, ".mp4")
    ingest.run(workspace, settings)
    paths = sorted(workspace.video("any").parent.glob("*.mp4"))
    plain = measured(plain_loop, paths, workspace.pose_model(settings.pose.model))
    print(f"pose    {plain.result} frames: plain loop {plain.seconds:.1f} s")
    ratios, cores = {}, workers.cores()
    for flip_test in (True, False):
        changed = settings.pose.model_copy(update={"flip_test": flip_test})
        ours = measured(pose_stage.run, workspace, settings.model_copy(update={"pose": changed}))
        ratios[flip_test] = ratio = plain.seconds / ours.seconds
        how = "with" if flip_test else "without"
        print(f"        {how} the flip test: pose stage {ours.seconds:.1f} s, ", end="")
        print(f"throughput {ratio:.2f} x the plain loop = {ratio / cores:.2f} x cores")
    return ratios[False] >= 0.8 * cores


def plain_ffmpeg(paths: Sequence[Path], max_lines: int, folder: Path) -> None:
    """Encode one video after the other; each ffmpeg uses all cores."""
    folder.mkdir()
    for path in paths:
        found = video.probe(path)
        width, height = video.size(found, max_lines)
        filters = f"scale={width}:{height}"
        ffmpeg("-i", str(path), "-vf", filters, *PLAIN.split(), str(folder / f"{path.stem}.mp4"))


def bench_ingest(work: Path, settings: Params, options: argparse.Namespace) -> bool:
    workspace = filled(work / "ingest", options.real, options.minutes * 60, options.videos, MPEG4, ".avi")
    paths = sorted(workspace.raw.glob("*.avi"))
    plain = measured(plain_ffmpeg, paths, settings.ingest.max_lines, work / "plain")
    ours = measured(ingest.run, workspace, settings)
    ratio = ours.seconds / plain.seconds
    size = sum(path.stat().st_size for path in paths) / 1e6
    print(
        f"ingest  {len(paths)} videos, {size:.0f} MB, all encoded: plain ffmpeg {plain.seconds:.1f} s, ",
        end="",
    )
    print(f"ingest stage {ours.seconds:.1f} s; ratio {ratio:.2f} (aim: <= 1.2)")
    return ratio <= 1.2


def track(path: Path, model: Path, settings: params.Pose) -> int:
    """Do what a worker of the pose stage does."""
    return len(pose.track(path, model, settings).frame)


def bench_memory(work: Path, settings: Params, options: argparse.Namespace) -> bool:
    clip = options.real / next(scenes(options.real))["file"]
    model = Workspace(work).pose_model(settings.pose.model)
    peaks = []
    for minutes in (options.long_minutes / 30, options.long_minutes):
        raw = repeated(clip, minutes * 60, work / "memory" / f"{minutes:g}.avi", MPEG4)
        normalised = raw.with_suffix(".mp4")
        encoding = measured(video.normalise, raw, normalised, settings.ingest)
        tracking = measured(track, normalised, model, settings.pose)
        peaks.append([p / GIB for p in (encoding.peak, encoding.peak_children, tracking.peak)])
        encoder, its_ffmpeg, tracker = peaks[-1]
        print(f"memory  {minutes:g} minutes ({tracking.result} frames): ingest {encoder:.2f} GiB, ", end="")
        print(f"its ffmpeg {its_ffmpeg:.2f} GiB, pose {tracker:.2f} GiB ({tracking.seconds:.0f} s)")
    growth = np.subtract(peaks[1], peaks[0]) * 1024
    print(f"        30 times as long: {', '.join(f'{g:+.0f} MiB' for g in growth)} (aim: < 1.5 GiB each)")
    return max(map(max, peaks)) < 1.5


def twelve_stages(root: Path) -> Workspace:
    """Return a new DVC repository with a chain of twelve stages that do nothing."""
    scaffold.init(root)
    (root / "0.txt").write_text("0\n", encoding="utf-8")
    lines = ["stages:"]
    for i in range(12):
        lines += [f"  stage{i}:", f"    cmd: cp {i}.txt {i + 1}.txt"]
        lines += [f"    deps: [{i}.txt]", f"    outs: [{i + 1}.txt]"]
    (root / "dvc.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return Workspace(root)


def best(run: Callable[[], Any]) -> float:
    """Return the shortest of a few runs, in seconds."""
    taken = []
    for _ in range(NOOP_RUNS):
        start = time.perf_counter()
        run()
        taken.append(time.perf_counter() - start)
    return min(taken)


def ask(workspace: Workspace) -> None:
    """Make the requests of a pull with nothing new."""
    settings = params.load(workspace.params).labelstudio
    with Client(server.access(workspace, settings)) as client:
        project = client.project(settings.title)
        known = ledger.latest(ledger.read(workspace.annotations))
        pull.news(client, project["id"] if project else 0, known, taxonomy.load(workspace.taxonomy))


def bench_noop(work: Path, settings: Params, options: argparse.Namespace) -> bool:
    trivial_workspace = twelve_stages(work / "trivial")
    demo.repro(trivial_workspace, capture=True)
    trivial = best(lambda: demo.repro(trivial_workspace, capture=True))
    scaffold.init(work / "noop")
    workspace = Workspace(work / "noop")
    demo.configure(workspace, labelstudio={"port": 18400, "title": "no-op benchmark"})
    for _, clip in zip(range(options.clips), scenes(options.real), strict=False):
        shutil.copyfile(options.real / clip["file"], workspace.raw / Path(clip["file"]).name)
    try:
        demo.repro(workspace, capture=True)
        ours = best(lambda: demo.repro(workspace, capture=True))
        requests = best(lambda: ask(workspace))
    finally:
        server.stop(workspace)
    ratio = (ours - requests) / trivial
    print(
        f"noop    {options.clips} clips: `dvc repro` {ours:.2f} s, of which requests {requests:.2f} s; ",
        end="",
    )
    print(f"twelve trivial stages {trivial:.2f} s; ratio without the requests {ratio:.2f} (aim: <= 2)")
    return ratio <= 2


BENCHES = {"pose": bench_pose, "ingest": bench_ingest, "memory": bench_memory, "noop": bench_noop}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("which", nargs="*", choices=[*BENCHES, []], help="default: all")
    parser.add_argument("--real", type=Path, default=os.environ.get("PUSHUP_REAL_DATA"), help="real clips")
    parser.add_argument("--minutes", type=float, default=2, help="of each video (pose, ingest)")
    parser.add_argument("--videos", type=int, default=4, help="how many (pose, ingest)")
    parser.add_argument("--long-minutes", type=float, default=30, help="of the long video (memory)")
    parser.add_argument("--clips", type=int, default=40, help="how many (noop)")
    options = parser.parse_args()
    if options.real is None:
        parser.error("name the folder with the real clips by --real or PUSHUP_REAL_DATA")
    with tempfile.TemporaryDirectory(prefix="pushup-bench-") as name:
        work = Path(name)
        scaffold.init(work / "settings")
        settings = params.load(work / "settings" / "params.yaml")
        met = [BENCHES[which](work, settings, options) for which in options.which or BENCHES]
    sys.exit(0 if all(met) else 1)


if __name__ == "__main__":
    main()
