"""The FiftyOne data set of a workspace: built from its tables, and again when they changed.

A changed data set is made as a copy of the old one under another name, which then takes the old one's place:
whoever looks sees the old one or the new one, and a build that is killed leaves the old one. What curators
added themselves (tags, saved views, fields) stays.

FiftyOne takes seconds to import and reads its settings while it is imported. So the build runs in a process
of its own, and only there is FiftyOne imported.
"""

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click
import pymongo
from pymongo.errors import PyMongoError

from pushup_data import fiftyone_samples, fiftyone_views, tables, taxonomy
from pushup_data.errors import MissingInputError, PushupDataError, ServerError
from pushup_data.workspace import Workspace

MAP, SIMILARITY = "map", "similarity"  # brain keys
_SAID = 3  # exit code of a build whose error message is its output
_FEWEST_POINTS = 3  # samples with an embedding below which there is no map


def name(workspace: Workspace) -> str:
    """Return the data set's name: the folder's name, and what tells folders of the same name apart."""
    root = str(workspace.root.resolve())
    word = re.sub(r"[^a-z0-9]+", "-", workspace.root.resolve().name.lower()).strip("-")
    return f"{word[:40] or 'pushups'}-{hashlib.sha256(root.encode()).hexdigest()[:6]}"


def environment(uri: str) -> dict[str, str]:
    """Return the variables that a process with FiftyOne in it needs: which MongoDB, nothing sent home."""
    return {
        **os.environ,
        "FIFTYONE_DATABASE_URI": uri,
        "FIFTYONE_DO_NOT_TRACK": "true",
        "FIFTYONE_DATABASE_VALIDATION": "false",  # only warns that MongoDB 6 is the oldest supported one
        "FIFTYONE_SHOW_PROGRESS_BARS": "false",  # ours says more
    }


def refresh(workspace: Workspace, uri: str) -> str:
    """Build the data set at the MongoDB `uri` where the tables changed; return a line that says what is so.

    Raises:
        MissingInputError: a table, clip or pose is not there.
        ServerError: the build failed; the old data set is as it was.
    """
    wanted = fingerprint(workspace)
    if _built_from(uri, name(workspace)) == wanted:
        return f"data set {name(workspace)} is up to date"
    command = [sys.executable, "-m", "pushup_data.fiftyone_dataset", str(workspace.root)]
    done = subprocess.run(command, env=environment(uri), stdout=subprocess.PIPE, text=True, check=False)
    said = done.stdout.strip().splitlines()[-1:]
    if done.returncode == _SAID and said:
        raise PushupDataError(said[0])
    if done.returncode or not said:
        raise ServerError(
            f"the data set {name(workspace)} could not be built (exit code {done.returncode}, see above); "
            f"the one from before, if any, is as it was"
        )
    return said[0]


def _built_from(uri: str, dataset: str) -> str | None:
    """Return the fingerprint of what the data set was built from, without importing FiftyOne."""
    try:
        with pymongo.MongoClient[dict[str, Any]](uri) as client:
            database = client[os.environ.get("FIFTYONE_DATABASE_NAME", "fiftyone")]
            found = database["datasets"].find_one({"name": dataset}, {"info": 1}) or {}
    except PyMongoError as e:
        raise ServerError(
            f"MongoDB does not answer ({type(e).__name__}); run `pushup-data app` again"
        ) from None
    return (found.get("info") or {}).get("fingerprint")


# What makes the data set: another version of it makes another data set from the same tables.
_CODE = tuple(Path(str(module.__file__)) for module in (fiftyone_samples, fiftyone_views))


def fingerprint(workspace: Workspace) -> str:
    """Return a digest of everything that the data set is built from."""
    digest = hashlib.sha256(str(workspace.root.resolve()).encode())
    for path in (
        *_CODE,
        workspace.samples,
        workspace.predictions,
        workspace.labels,
        workspace.embeddings,
        workspace.taxonomy,
    ):
        if not path.exists():
            raise MissingInputError(f"{path} is not there; run `dvc repro` to make it")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    videos = tables.read(tables.SAMPLES, workspace.samples)["video_id"].unique().sort()
    digest.update(json.dumps(_pose_keys(workspace, videos)).encode())
    return digest.hexdigest()


def _pose_keys(workspace: Workspace, videos: Iterable[str]) -> dict[str, str]:
    """Return what changes when a video's skeletons would: its pose file is written anew, or our code."""
    code = hashlib.sha256(_CODE[0].read_bytes()).hexdigest()[:12]
    keys = {}
    for video in videos:
        path = workspace.pose(video)
        if not path.exists():
            raise MissingInputError(f"{path} is not there; run `dvc repro` to make it")
        state = path.stat()
        keys[video] = f"{code}-{state.st_size}-{state.st_mtime_ns}"
    return keys


def build(workspace: Workspace) -> str:
    """Build the data set in this process's FiftyOne; return a line that says what was done."""
    import fiftyone as fo

    wanted = fingerprint(workspace)  # before reading: what changes meanwhile is built next time
    samples = tables.read(tables.SAMPLES, workspace.samples)
    poses = _pose_keys(workspace, samples["video_id"].unique().sort())
    errors = taxonomy.load(workspace.taxonomy)
    final = name(workspace)
    draft = f"{final}-draft"
    _settle(draft, final)

    old = fo.load_dataset(final) if fo.dataset_exists(final) else None
    dataset = fo.Dataset(draft) if old is None else old.clone(draft)
    dataset.media_type = "video"
    fiftyone_samples.declare(dataset)
    added = fiftyone_samples.sync(workspace, dataset, samples, poses)
    fiftyone_samples.set_fields(
        dataset,
        samples=samples,
        predictions=tables.read(tables.PREDICTIONS, workspace.predictions),
        labels=tables.read(tables.LABELS, workspace.labels),
        embeddings=tables.read(tables.EMBEDDINGS, workspace.embeddings),
        order=errors.ids,
    )
    fiftyone_samples.set_tags(dataset)
    dataset.default_classes = list(errors.ids)
    fiftyone_views.arrange(dataset)
    fiftyone_views.save(dataset, errors)
    _map(dataset)
    dataset.info.update(fingerprint=wanted, workspace=str(workspace.root.resolve()), poses=poses)
    dataset.persistent = True
    dataset.save()

    if old is not None:
        fo.delete_dataset(final)
    dataset.name = final
    return f"data set {final} built: {len(samples)} reps, {added} of them new or changed"


def _settle(draft: str, final: str) -> None:
    """Put away what a killed build left: finish it where only the last step is missing, else delete it."""
    import fiftyone as fo

    if not fo.dataset_exists(draft):
        return
    left = fo.load_dataset(draft)
    if left.persistent and not fo.dataset_exists(final):
        left.name = final
    else:
        fo.delete_dataset(draft)


def _map(dataset: Any) -> None:
    """Index the embeddings: "Embeddings" panel (two principal components) and "sort by similarity"."""
    import fiftyone.brain as fob

    for key in (MAP, SIMILARITY):
        if dataset.has_brain_run(key):
            dataset.delete_brain_run(key)
    with_embedding = dataset.exists("embedding")
    if len(with_embedding) < _FEWEST_POINTS:
        return
    fob.compute_visualization(with_embedding, embeddings="embedding", method="pca", brain_key=MAP)
    fob.compute_similarity(
        with_embedding, embeddings="embedding", backend="sklearn", metric="cosine", brain_key=SIMILARITY
    )


def main() -> None:
    """Build the data set of the workspace named on the command line; the last line says what was done."""
    try:
        click.echo(build(Workspace(Path(sys.argv[1]))))
    except PushupDataError as e:
        click.echo(str(e))
        sys.exit(_SAID)


if __name__ == "__main__":
    main()
