import os
import shutil
import subprocess
from pathlib import Path

import polars as pl
import pytest

from pushup_data import manifest, tables
from pushup_data.errors import BadInputError, LabelsAtRiskError, PushupDataError
from pushup_data.stages import ingest
from tests import sources


@pytest.fixture(scope="module")
def raws(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("raws")
    for number, rate in enumerate(["10", "15", "20", "24", "25"]):
        sources.numbered(folder / f"v{number}.mp4", rate=rate)
    return folder


@pytest.fixture
def filled(workspace, raws):
    for path in raws.iterdir():
        shutil.copyfile(path, workspace.raw / path.name)
    return workspace


def videos(workspace) -> pl.DataFrame:
    return tables.read(tables.VIDEOS, workspace.videos)


def reasons(workspace) -> dict[str, str]:
    table = tables.read(tables.QUARANTINE, workspace.quarantine)
    return dict(zip(table["original_name"], table["reason"], strict=True))


def stamps(workspace) -> dict[str, int]:
    return {p.name: p.stat().st_mtime_ns for p in workspace.video("any").parent.iterdir()}


def test_no_video_gives_valid_empty_tables(workspace, default_params):
    ingest.run(workspace, default_params)
    assert videos(workspace).is_empty()
    assert reasons(workspace) == {}


def test_a_second_run_touches_nothing_and_a_new_video_costs_one(filled, default_params, capsys):
    ingest.run(filled, default_params)
    before, table = stamps(filled), filled.videos.read_bytes()
    ingest.run(filled, default_params)
    assert "5 kept" in capsys.readouterr().out
    assert stamps(filled) == before
    assert filled.videos.read_bytes() == table
    sources.numbered(filled.raw / "deep" / "new.mkv")
    ingest.run(filled, default_params)
    after = stamps(filled)
    assert {name: after[name] for name in before} == before
    assert len(after) == len(before) + 2  # the video and its note
    assert "deep/new.mkv" in set(videos(filled)["original_name"])


def test_bad_files_are_set_aside_and_the_rest_goes_on(filled, default_params):
    raw = filled.raw
    shutil.copyfile(raw / "v0.mp4", raw / "w.mp4")
    (raw / "empty.mp4").touch()
    (raw / "notes.txt").write_text("x")
    (raw / "text.MOV").write_text("x")
    (raw / "cut.mp4").write_bytes((raw / "v1.mp4").read_bytes()[:900])
    (raw / "nowhere.avi").symlink_to("missing")
    os.mkfifo(raw / "pipe.mp4")
    ingest.run(filled, default_params)
    assert len(videos(filled)) == 5
    assert reasons(filled) == {
        "w.mp4": "duplicate",
        "empty.mp4": "empty",
        "notes.txt": "not_video",
        "text.MOV": "undecodable",
        "cut.mp4": "undecodable",
        "nowhere.avi": "not_file",
        "pipe.mp4": "not_file",
    }


def stand_in(monkeypatch, folder: Path, of_v2: str) -> None:
    """Put a stand-in in ffmpeg's place, which does something else for v2.mp4."""
    import imageio_ffmpeg

    real = imageio_ffmpeg.get_ffmpeg_exe()
    (folder / "ffmpeg").write_text(f'#!/bin/sh\ncase "$*" in *v2.mp4*) {of_v2};; esac\nexec {real} "$@"\n')
    (folder / "ffmpeg").chmod(0o755)
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(folder / "ffmpeg"))


FULL = "echo 'Error writing trailer: No space left on device' >&2; exit 228"


@pytest.mark.parametrize(
    ("fails", "said"),
    [(FULL, "No space left"), ("kill -9 $$", "killed by signal 9"), ("exit 255", "asked to end")],
)
def test_a_failing_machine_condemns_no_video(filled, default_params, monkeypatch, tmp_path, fails, said):
    ingest.run(filled, default_params)
    before = filled.videos.read_bytes()
    smaller = default_params.ingest.model_copy(update={"max_lines": 40})  # all are made again
    again = default_params.model_copy(update={"ingest": smaller})
    stand_in(monkeypatch, tmp_path, fails)
    with pytest.raises(PushupDataError, match=rf"v2\.mp4: .*{said}.* run it again"):
        ingest.run(filled, again)
    assert filled.videos.read_bytes() == before  # none drops out
    monkeypatch.delenv("IMAGEIO_FFMPEG_EXE")
    ingest.run(filled, again)
    assert len(videos(filled)) == 5
    assert reasons(filled) == {}


def test_a_target_that_cannot_be_written_condemns_no_video(filled, default_params):
    folder = filled.video("any").parent
    folder.touch()  # nothing can be written below it, not even by root
    with pytest.raises(PushupDataError, match=r"cannot be read or written .* run it again"):
        ingest.run(filled, default_params)
    folder.unlink()
    ingest.run(filled, default_params)
    assert len(videos(filled)) == 5


def test_a_file_that_crashes_ffmpeg_is_set_aside_for_good(filled, default_params, monkeypatch, tmp_path):
    stand_in(monkeypatch, tmp_path, "kill -SEGV $$")
    ingest.run(filled, default_params)
    assert reasons(filled) == {"v2.mp4": "undecodable"}


def test_a_name_that_is_not_utf8_is_set_aside(filled, default_params):
    other = os.fsencode(filled.raw) + b"/\xfcbung.mp4"
    Path(os.fsdecode(other)).write_bytes((filled.raw / "v0.mp4").read_bytes())
    ingest.run(filled, default_params)
    assert len(videos(filled)) == 5
    assert reasons(filled) == {"\\xfcbung.mp4": "unreadable"}
    assert "rename it" in tables.read(tables.QUARANTINE, filled.quarantine)["detail"][0]


def test_a_hanging_decoder_loses_one_video(filled, default_params, monkeypatch, tmp_path):
    """A stand-in for ffmpeg that never ends for one file: the limit ends it, the others come through."""
    stand_in(monkeypatch, tmp_path, "exec sleep 987")
    hurried = default_params.ingest.model_copy(update={"time_limit_s": 8})
    ingest.run(filled, default_params.model_copy(update={"ingest": hurried}))
    assert len(videos(filled)) == 4
    assert reasons(filled) == {"v2.mp4": "timeout"}
    monkeypatch.delenv("IMAGEIO_FFMPEG_EXE")
    left = subprocess.run(["pgrep", "-f", "sleep 987"], capture_output=True, check=False)
    assert not left.stdout
    ingest.run(filled, default_params)  # with more time it is tried again
    assert len(videos(filled)) == 5


def test_the_manifest_is_kept_and_read_again(filled, default_params, capsys):
    filled.manifest.write_text("file,subject,consent\nv0.mp4,ana,yes\nv1.mp4,ben,no\ngone.mp4,eve,\n")
    ingest.run(filled, default_params)
    said = capsys.readouterr().out
    assert "3 videos have no subject" in said
    assert "gone.mp4" in said
    table = videos(filled).sort("original_name")
    assert table["subject"].to_list()[:2] == ["ana", "ben"]
    assert table["consent"].to_list() == ["yes", "no", "unknown", "unknown", "unknown"]
    assert table["subject"].to_list()[2] == f"video:{table['video_id'][2]}"
    before = stamps(filled)
    filled.manifest.write_text("file,subject\nv2.mp4,ana\n")
    ingest.run(filled, default_params)
    assert stamps(filled) == before
    assert videos(filled).filter(subject="ana")["original_name"].to_list() == ["v2.mp4"]


def test_what_is_known_of_a_copied_video_stays_known(filled, default_params):
    shutil.copyfile(filled.raw / "v0.mp4", filled.raw / "a copy.mp4")  # sorted before it
    shutil.copyfile(filled.raw / "v0.mp4", filled.raw / "w.mp4")
    filled.manifest.write_text("file,subject,consent\nv0.mp4,ana,\nw.mp4,,no\n")
    ingest.run(filled, default_params)
    row = videos(filled).row(by_predicate=pl.col("subject") == "ana", named=True)
    assert (row["original_name"], row["consent"]) == ("v0.mp4", "no")
    assert reasons(filled) == {"a copy.mp4": "duplicate", "w.mp4": "duplicate"}
    filled.manifest.write_text("file,subject,consent\nv0.mp4,ana,yes\nw.mp4,ana,no\n")
    with pytest.raises(
        BadInputError, match=r"v0\.mp4 and w\.mp4 are the same video, but consent is yes and no"
    ):
        ingest.run(filled, default_params)


def test_removed_videos_are_pruned_but_not_most_of_them(filled, default_params):
    ingest.run(filled, default_params)
    (filled.raw / "v0.mp4").unlink()
    ingest.run(filled, default_params)
    assert len(stamps(filled)) == 8
    kept = filled.videos.read_bytes()
    for number in (1, 2, 3):
        (filled.raw / f"v{number}.mp4").unlink()
    with pytest.raises(LabelsAtRiskError, match="--accept-removals"):
        ingest.run(filled, default_params)
    assert filled.videos.read_bytes() == kept
    assert len(stamps(filled)) == 8
    ingest.run(filled, default_params, accept_removals=True)
    assert len(videos(filled)) == 1


def test_half_a_video_of_a_killed_run_does_not_count(filled, default_params):
    ingest.run(filled, default_params)
    video_id = videos(filled)["video_id"][0]
    whole = filled.video(video_id).read_bytes()
    filled.video(video_id).with_suffix(".json").unlink()  # killed before the note was written
    filled.video(video_id).write_bytes(whole[:100])
    ingest.run(filled, default_params)
    assert filled.video(video_id).read_bytes() == whole


def test_another_setting_makes_the_videos_again(filled, default_params):
    ingest.run(filled, default_params)
    before = stamps(filled)
    smaller = default_params.ingest.model_copy(update={"max_lines": 240})
    ingest.run(filled, default_params.model_copy(update={"ingest": smaller}))
    assert all(stamps(filled)[name] != before[name] for name in before)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name,subject\na.mp4,x\n", "columns must be file,"),
        ("file,subject,age\na.mp4,x,3\n", "not age"),
        ("file,subject\na.mp4,x\na.mp4,y\n", "manifest.csv:3: a.mp4 has a line already"),
        ("file,consent\na.mp4,maybe\n", "manifest.csv:2: consent is 'maybe'"),
        ("file,subject\na.mp4,x,more\n", "at most 6 columns"),
        ("file,subject\n,x\n", "needs a file"),
    ],
)
def test_a_wrong_manifest_says_where(tmp_path, text, said):
    path = tmp_path / "manifest.csv"
    path.write_text(text)
    with pytest.raises(BadInputError) as raised:
        manifest.read(path)
    assert said in str(raised.value)


def test_a_manifest_in_another_encoding(tmp_path):
    path = tmp_path / "manifest.csv"
    path.write_bytes("file,subject\na.mp4,J\xe9r\xf4me\n".encode("latin-1"))
    with pytest.raises(BadInputError, match="UTF-8"):
        manifest.read(path)


def test_a_bare_name_that_could_mean_two(tmp_path):
    entries = {"a.mp4": manifest.Entry(subject="x")}
    assert manifest.match(entries, ["deep/a.mp4"])[0]["deep/a.mp4"].subject == "x"
    with pytest.raises(BadInputError, match=r"deep/a\.mp4 or other/a\.mp4"):
        manifest.match(entries, ["deep/a.mp4", "other/a.mp4"])


def test_two_lines_for_one_video():
    entries = {"x/a.mp4": manifest.Entry("bob", consent="no"), "a.mp4": manifest.Entry("ann", consent="yes")}
    assert len(manifest.match(entries, ["x/a.mp4", "a.mp4"])[0]) == 2
    with pytest.raises(BadInputError, match=r"x/a\.mp4 and a\.mp4 both mean x/a\.mp4; remove one"):
        manifest.match(entries, ["x/a.mp4"])
