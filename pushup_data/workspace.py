"""Where things are in a workspace: the folder with params.yaml and dvc.yaml, a clone or made by `init`."""

import os
from dataclasses import dataclass
from pathlib import Path

from pushup_data.errors import MissingInputError

PACKAGE = Path(__file__).resolve().parent
# In a checkout what a workspace is made from stands at the top level, in a wheel below the package.
CHECKOUT = PACKAGE.parent
TEMPLATE = CHECKOUT if (CHECKOUT / "dvc.yaml").exists() else PACKAGE / "template"

RENDITIONS = ("skeleton", "slow", "skeleton-slow")  # what there is of every clip beside itself


@dataclass(frozen=True)
class Workspace:
    """Paths of one workspace. Nothing here touches the disk."""

    root: Path

    @classmethod
    def here(cls) -> "Workspace":
        """Return the workspace that is the current folder; raise MissingInputError where it is none."""
        root = Path.cwd()
        if not (root / "params.yaml").exists():
            raise MissingInputError(
                f"{root} is not a workspace (no params.yaml); go to one or run `pushup-data init {root}`"
            )
        return cls(root)

    def _at(self, *parts: str) -> Path:
        return self.root.joinpath(*parts)

    # what people write
    @property
    def params(self) -> Path:
        """Settings."""
        return self._at("params.yaml")

    @property
    def taxonomy(self) -> Path:
        """The form errors."""
        return self._at("labeling_config", "taxonomy.yaml")

    @property
    def raw(self) -> Path:
        """Raw videos as they came, and manifest.csv."""
        return self._at("data", "raw")

    @property
    def manifest(self) -> Path:
        """Optional: file,subject,camera,source,licence,consent."""
        return self._at("data", "raw", "manifest.csv")

    # what the stages write, in their order
    @property
    def videos(self) -> Path:
        """tables.VIDEOS."""
        return self._at("data", "videos.parquet")

    @property
    def quarantine(self) -> Path:
        """tables.QUARANTINE."""
        return self._at("data", "quarantine.csv")

    @property
    def quality(self) -> Path:
        """tables.QUALITY."""
        return self._at("data", "quality.parquet")

    @property
    def annotations(self) -> Path:
        """The ledger: one immutable JSONL file per pull."""
        return self._at("data", "annotations")

    @property
    def boundaries(self) -> Path:
        """tables.BOUNDARIES."""
        return self._at("data", "boundaries.parquet")

    @property
    def server(self) -> Path:
        """Which Label Studio, which project, how often it had to be filled again."""
        return self._at("data", "server.json")

    @property
    def reps(self) -> Path:
        """tables.REPS."""
        return self._at("data", "reps.parquet")

    @property
    def rep_registry(self) -> Path:
        """tables.REP_REGISTRY."""
        return self._at("data", "rep_registry.csv")

    @property
    def rules(self) -> Path:
        """tables.RULES."""
        return self._at("data", "rules.parquet")

    @property
    def clips(self) -> Path:
        """One short mp4 per rep."""
        return self._at("data", "clips")

    @property
    def renditions(self) -> Path:
        """The same clips with the skeleton drawn in, slowed down, and both."""
        return self._at("data", "renditions")

    @property
    def labels(self) -> Path:
        """tables.LABELS."""
        return self._at("data", "labels.parquet")

    @property
    def assignments(self) -> Path:
        """tables.ASSIGNMENTS."""
        return self._at("data", "assignments.csv")

    @property
    def doubts(self) -> Path:
        """tables.DOUBTS."""
        return self._at("data", "doubts.parquet")

    @property
    def left_out(self) -> Path:
        """tables.LEFT_OUT."""
        return self._at("data", "left_out.csv")

    @property
    def signatures(self) -> Path:
        """tables.SIGNATURES."""
        return self._at("data", "signatures.parquet")

    @property
    def predictions(self) -> Path:
        """tables.PREDICTIONS."""
        return self._at("data", "predictions.parquet")

    @property
    def embeddings(self) -> Path:
        """tables.EMBEDDINGS."""
        return self._at("data", "embeddings.parquet")

    @property
    def queue(self) -> Path:
        """tables.QUEUE."""
        return self._at("data", "queue.parquet")

    @property
    def reviews(self) -> Path:
        """tables.REVIEWS."""
        return self._at("data", "reviews.csv")

    @property
    def receipt(self) -> Path:
        """What push put into Label Studio."""
        return self._at("data", "push.json")

    @property
    def samples(self) -> Path:
        """tables.SAMPLES."""
        return self._at("data", "curation", "samples.parquet")

    @property
    def candidate(self) -> Path:
        """The model that the last `train` made."""
        return self._at("models", "candidate")

    @property
    def champion(self) -> Path:
        """The workspace's own best model; empty at first."""
        return self._at("models", "champion")

    @property
    def released(self) -> Path:
        """The installation's own model, whatever the workspace."""
        return TEMPLATE / "models" / "released"

    @property
    def metrics(self) -> Path:
        """Small JSON files, in git."""
        return self._at("metrics")

    @property
    def plots(self) -> Path:
        """What `dvc plots` draws."""
        return self._at("plots")

    @property
    def learning_curves(self) -> Path:
        """What DVCLive writes of the last training."""
        return self._at("plots", "training")

    # servers of this workspace, and what it works with; never in git
    @property
    def labelstudio(self) -> Path:
        """The local Label Studio's data, log, pid and token."""
        return self._at(".labelstudio")

    @property
    def fiftyone(self) -> Path:
        """MongoDB's data, log and pid."""
        return self._at(".fiftyone")

    @property
    def locks(self) -> Path:
        """Lock files of commands that must not run twice at once."""
        return self._at(".pushup")

    @property
    def study(self) -> Path:
        """What `tune` has tried: optuna's SQLite file."""
        return self._at(".pushup", "tune.db")

    @property
    def plots_page(self) -> Path:
        """What `dvc plots show` fills."""
        return self._at(".pushup", "plots.html")

    def video(self, video_id: str) -> Path:
        """The normalised video."""
        return self._at("data", "videos", f"{video_id}.mp4")

    def rendition(self, clip: str, kind: str) -> Path:
        """A clip, named as in tables.REPS, as one of RENDITIONS."""
        return self.renditions / f"{clip.removesuffix('.mp4')}-{kind}.mp4"

    def pose(self, video_id: str) -> Path:
        """tables.POSE of one video."""
        return self._at("data", "poses", f"{video_id}.parquet")

    def pose_model(self, kind: str) -> Path:
        """MediaPipe's landmarker; the installation's own where the workspace has none."""
        name = f"pose_landmarker_{kind}.task"
        own = self._at("models", "pose", name)
        return own if own.exists() else CHECKOUT / "models" / "pose" / name

    def labelstudio_program(self) -> Path:
        """The label-studio executable: LABEL_STUDIO_BIN, or the installation's own environment."""
        named = os.environ.get("LABEL_STUDIO_BIN")
        return Path(named) if named else CHECKOUT / ".venv-labelstudio" / "bin" / "label-studio"
