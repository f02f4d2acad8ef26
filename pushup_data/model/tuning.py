"""Search for better training settings by optuna, on validation people; test people are never looked at."""

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import optuna
from optuna.trial import TrialState as State
from tqdm import tqdm

from pushup_data.model import augmentation, calibration, data, features, network, support, training
from pushup_data.model.curves import Epoch
from pushup_data.model.data import Dataset
from pushup_data.params import Model, Train

SEEDS = 3  # trainings of the current settings, and of the best, to see what chance alone does
_LR = (1e-4, 3e-2)
_BATCH_SIZES = (8, 16, 32, 64, 128)
_EPOCHS = (10, 120)
_WIDTHS = (8, 64)
_CHECKS = 10  # times in a training that a bad trial may be given up


@dataclass(frozen=True)
class Choice:
    """What is searched for."""

    lr: float
    batch_size: int
    epochs: int
    width: int

    @classmethod
    def of(cls, model: Model, settings: Train) -> "Choice":
        """Return the current settings."""
        return cls(settings.lr, settings.batch_size, settings.epochs, model.width)

    def put(self, model: Model, settings: Train) -> tuple[Model, Train]:
        """Return the settings with this choice in them."""
        changed = {"lr": self.lr, "batch_size": self.batch_size, "epochs": self.epochs}
        return model.model_copy(update={"width": self.width}), settings.model_copy(update=changed)

    def __str__(self) -> str:
        """Return the settings as people call them."""
        return f"lr {self.lr:g}, batch_size {self.batch_size}, epochs {self.epochs}, width {self.width}"

    def command(self) -> str:
        """Return what to type to train and measure with this choice."""
        return (
            f"dvc exp run -s train evaluate -S train.lr={self.lr:g} -S train.batch_size={self.batch_size} "
            f"-S train.epochs={self.epochs} -S model.width={self.width}"
        )


@dataclass(frozen=True)
class Tuned:
    """What a search came to. Losses are those of the kept epoch on the validation people."""

    current: Choice
    current_losses: list[float]  # one per seed; fewer than SEEDS where time ran out
    best: list[tuple[Choice, float]]  # completed trials, best first, on the first seed
    best_losses: list[float]  # of the first of them, one per seed
    pruned: int  # trials given up because they were worse than most
    out_of_time: bool


class _OutOfTimeError(Exception):
    """The budget is spent."""


def obstacle(train: Dataset, val: Dataset, settings: Train) -> str | None:
    """Say why nothing can be tuned on these labelled reps; None where it can."""
    reason = support.obstacle(train, settings)
    if reason:
        return reason
    visible = val.take(data.seen(val.x))
    learnt = support.learnable(train.take(data.seen(train.x)).y)
    if not np.isfinite(visible.y[:, learnt]).any():
        return "no val rep has a label of an error that train subjects show and do not show"
    return None


def search(
    train: Dataset,
    val: Dataset,
    model: Model,
    settings: Train,
    seed: int,
    *,
    trials: int,
    minutes: float,
    study_file: Path,
    say: Callable[[str], None] = lambda _: None,
) -> Tuned:
    """Try `trials` settings in all, for `minutes` at most, and train the best and the current on SEEDS seeds.

    What was tried is kept in `study_file` (SQLite, no pickle), so that an interrupted search goes on where it
    was; other data, code or fixed settings begin another study there. Trials use one seed; the best of many
    is the best by luck too, hence the further seeds. `say` is told of every improvement.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    deadline = time.monotonic() + 60 * minutes
    run = _Search(train, val, model, settings, seed, study_file=study_file, deadline=deadline)
    done = run.told()
    with tqdm(total=trials, initial=min(done, trials), desc="tune", unit="trial", disable=None) as bar:
        began = time.monotonic()
        current = Choice.of(model, settings)
        current_losses = run.on_seeds(current)
        lowest = min([*current_losses[:1], *(loss for _, loss in run.ranked())], default=float("inf"))
        out_of_time = len(current_losses) < SEEDS
        # As long again is kept for the best on all seeds.
        until = run.deadline - (time.monotonic() - began)
        while not out_of_time and done < trials:
            try:
                choice, loss = run.trial(until)
            except _OutOfTimeError:
                out_of_time = True
                continue
            if loss is not None and loss < lowest:
                lowest = loss
                say(f"trial {done + 1}: loss {loss:.4f} with {choice}")
            done += 1
            bar.update()
        ranked = run.ranked()
        best_losses = run.on_seeds(ranked[0][0]) if ranked else []
    return Tuned(current, current_losses, ranked, best_losses, done - len(ranked), out_of_time)


class _Search:
    """One data set's study, and the trainings that it asks for."""

    def __init__(
        self,
        train: Dataset,
        val: Dataset,
        model: Model,
        settings: Train,
        seed: int,
        *,
        study_file: Path,
        deadline: float,
    ) -> None:
        self.train, self.val, self.model, self.settings = train, val, model, settings
        self.seed, self.deadline = seed, deadline
        study_file.parent.mkdir(parents=True, exist_ok=True)
        self.study = optuna.create_study(
            study_name=_identity(train, val, model, settings, seed),
            storage=f"sqlite:///{study_file}",
            load_if_exists=True,
            pruner=optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=_CHECKS // 3),
        )
        # A search that goes on must not draw again what it began with.
        self.study.sampler = optuna.samplers.TPESampler(seed=seed + len(self.study.trials))

    def told(self) -> int:
        """Return how many trials told something; interrupted ones do not count."""
        return len(self.study.get_trials(deepcopy=False, states=(State.COMPLETE, State.PRUNED)))

    def ranked(self) -> list[tuple[Choice, float]]:
        """Return the completed trials, best first."""
        complete = self.study.get_trials(deepcopy=False, states=(State.COMPLETE,))
        found = [(_chosen(t.params), t.value) for t in complete if t.value is not None]
        return sorted(found, key=lambda pair: pair[1])

    def trial(self, until: float) -> tuple[Choice, float | None]:
        """Try one choice; return it with its loss, None where it was given up."""
        trial = self.study.ask()
        choice = _ask(trial)
        try:
            loss = self._fit(choice, self.seed, _pruner(trial, choice), until)
        except optuna.TrialPruned:
            self.study.tell(trial, state=State.PRUNED)
            return choice, None
        except BaseException:  # out of time, or interrupted by Ctrl+C
            self.study.tell(trial, state=State.FAIL)
            raise
        self.study.tell(trial, loss)
        self.study.set_user_attr(_key(choice, self.seed), loss)
        return choice, loss

    def on_seeds(self, choice: Choice) -> list[float]:
        """Return a choice's losses on SEEDS seeds, as far as there is time; known ones are looked up."""
        losses = []
        for seed in range(self.seed, self.seed + SEEDS):
            key = _key(choice, seed)
            if key not in self.study.user_attrs:
                try:
                    self.study.set_user_attr(key, self._fit(choice, seed, lambda _: None, self.deadline))
                except _OutOfTimeError:
                    break
            losses.append(float(self.study.user_attrs[key]))
        return losses

    def _fit(self, choice: Choice, seed: int, watch: Callable[[Epoch], None], until: float) -> float:
        def watch_time(epoch: Epoch) -> None:
            if time.monotonic() > until:
                raise _OutOfTimeError
            watch(epoch)

        model, settings = choice.put(self.model, self.settings)
        return training.fit(self.train, self.val, model, settings, seed, watch=watch_time, quiet=True).loss


def report(tuned: Tuned, people: int, rows: int = 5) -> list[str]:
    """Return what to tell people: the best settings beside the current ones, and if it is more than luck."""
    lines = [
        f"{len(tuned.best)} settings tried, {tuned.pruned} more given up early"
        + (", then the time was up" if tuned.out_of_time else ""),
        "",
        f"{'':9}{'lr':>9}{'batch_size':>12}{'epochs':>8}{'width':>7}   loss on {people} val people",
        _row("current", tuned.current, tuned.current_losses),
    ]
    unique = list(dict.fromkeys(choice for choice, _ in tuned.best))[:rows]
    first = dict(reversed(tuned.best))
    for rank, choice in enumerate(unique, 1):
        lines.append(_row(f"best {rank}", choice, tuned.best_losses if rank == 1 else [first[choice]]))
    lines.append("")
    if not tuned.best or not tuned.current_losses:
        return [*lines, "Nothing to compare: give it more --minutes."]
    if len(tuned.best_losses) < 2 or len(tuned.current_losses) < 2:
        return [
            *lines,
            "Time ran out before both were trained on several seeds: more --minutes say if it is luck.",
        ]
    gain = float(np.mean(tuned.current_losses) - np.mean(tuned.best_losses))
    noise = max(np.ptp(tuned.current_losses), np.ptp(tuned.best_losses))
    if gain > noise:
        verdict = (
            f"The gain of {gain:.4f} is more than seeds alone make ({noise:.4f}). "
            "It was chosen on these people; what it is worth on others is for `evaluate` to say."
        )
    else:
        verdict = (
            f"A gain of {gain:.4f} is no more than seeds alone make ({noise:.4f}): keep the current settings."
        )
    command = tuned.best[0][0].command()
    return [*lines, verdict, "To train and measure the best, after a commit:", f"  {command}"]


def _row(name: str, choice: Choice, losses: Sequence[float]) -> str:
    mean = f"{np.mean(losses):.4f}" if losses else "?"
    spread = f" ({min(losses):.4f} to {max(losses):.4f} on {len(losses)} seeds)" if len(losses) > 1 else ""
    settings = f"{choice.lr:>9.2g}{choice.batch_size:>12}{choice.epochs:>8}{choice.width:>7}"
    return f"{name:9}{settings}   {mean}{spread}"


def _key(choice: Choice, seed: int) -> str:
    return f"{choice}, seed {seed}"


def _ask(trial: optuna.Trial) -> Choice:
    trial.suggest_float("lr", *_LR, log=True)
    trial.suggest_categorical("batch_size", _BATCH_SIZES)
    trial.suggest_int("epochs", *_EPOCHS, step=10)
    trial.suggest_int("width", *_WIDTHS, step=8)
    return _chosen(trial.params)


def _chosen(found: dict[str, float]) -> Choice:
    # Two digits, so that what is typed for `dvc exp run` is what was tried.
    return Choice(
        float(f"{found['lr']:.2g}"), int(found["batch_size"]), int(found["epochs"]), int(found["width"])
    )


def _pruner(trial: optuna.Trial, choice: Choice) -> Callable[[Epoch], None]:
    """Compare trials at the same share of their epochs, not at the same epoch: the schedule is stretched."""
    best = float("inf")

    def watch(epoch: Epoch) -> None:
        nonlocal best
        best = min(best, epoch.val if epoch.val is not None else best)
        at, before = (_CHECKS * n // choice.epochs for n in (epoch.number, epoch.number - 1))
        if at > before:
            trial.report(best, at)
            if trial.should_prune():
                raise optuna.TrialPruned

    return watch


def _identity(train: Dataset, val: Dataset, model: Model, settings: Train, seed: int) -> str:
    """Name a study by all that its losses depend on but what is searched for."""
    fixed = {
        "model": model.model_dump(mode="json", exclude={"width"}),
        "train": settings.model_dump(mode="json", include={"patience"}),
        "seed": seed,
        "data": [train.fingerprint(), val.fingerprint()],
    }
    digest = hashlib.sha256(json.dumps(fixed, sort_keys=True).encode())
    for module in (network, features, augmentation, training, support, calibration):
        digest.update(Path(str(module.__file__)).read_bytes())
    return digest.hexdigest()[:16]
