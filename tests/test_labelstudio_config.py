import xml.etree.ElementTree as ET

import pytest
from label_studio_sdk.label_interface import LabelInterface

from pushup_data.labelstudio import config, player
from pushup_data.workspace import TEMPLATE


def test_the_checked_in_config_is_current(default_taxonomy):
    assert (TEMPLATE / "labeling_config" / "rep.xml").read_text() == config.render(default_taxonomy)


def test_the_config_is_valid_and_every_hotkey_is_used_once(default_taxonomy):
    text = config.render(default_taxonomy)
    LabelInterface(text).validate()
    keys = [node.get("hotkey") for node in ET.fromstring(text).iter("Choice")]
    assert (
        len(keys) == len(set(keys)) == 2 * len(default_taxonomy.ids) + 3
    )  # not usable, skeleton, half speed
    assert None not in keys


def test_a_label_in_use_is_never_removed(default_taxonomy):
    text = config.render(default_taxonomy, kept={"hands_wide", "hips_piked"})
    assert config.choices(text) == {*default_taxonomy.ids, "hands_wide"}
    assert len(ET.fromstring(text).findall(".//Choice[@value='hips_piked']")) == 2


@pytest.mark.parametrize(
    ("errors", "unsure", "view", "said"),
    [
        ([], [], "side", {"hips_sagging": "absent", "elbows_flared": "unknown"}),
        ([], [], "front", {"hips_sagging": "unknown", "elbows_flared": "absent"}),
        (["hips_sagging"], [], "front", {"hips_sagging": "present"}),
        (["hips_sagging"], ["hips_sagging"], "side", {"hips_sagging": "unknown"}),
        ([], ["shallow_depth"], "side", {"shallow_depth": "unknown", "head_dropped": "absent"}),
        ([], [], "unknown", {"shallow_depth": "unknown"}),
    ],
)
def test_what_boxes_mean(default_taxonomy, errors, unsure, view, said):
    usable, values = config.answer(config.ticked(errors, unsure), view, default_taxonomy)
    assert usable
    assert values.keys() == set(default_taxonomy.ids)
    assert values | said == values


def test_of_a_rep_that_is_not_usable_nothing_is_known(default_taxonomy):
    result = config.ticked(["hips_sagging"], [], usable=False)
    usable, values = config.answer(result, "side", default_taxonomy)
    assert not usable
    assert set(values.values()) == {"unknown"}


def test_boxes_of_other_taxonomies_do_no_harm(default_taxonomy):
    _, values = config.answer(config.ticked(["hands_wide"], []), "side", default_taxonomy)
    assert "hands_wide" not in values


def test_a_note_is_read_as_text():
    assert config.note(config.written(" hips low\n")) == "hips low"
    assert config.note([]) == ""


def test_the_player_escapes_what_it_is_given():
    shown = player.html(dict.fromkeys(player.KINDS, '/data/<x>".mp4'), ["<x>"])
    assert "<x>" not in shown
    assert '".mp4' not in shown
    assert shown.count("<video ") == 4
