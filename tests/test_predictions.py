import numpy as np

from pushup_data import predictions, tables

REPS = tables.REPS.frame([{"rep_id": "a", "view": "side"}, {"rep_id": "b", "view": "front"}])


def rules(taxonomy):
    return tables.RULES.frame(
        [
            {"rep_id": r, "error": e, "probability": 0.8 if r == "a" else None, "reason": "hips 6 cm low"}
            for r in ("a", "b")
            for e in taxonomy.ids
            if e != "head_dropped"
        ]
    )


def combine(taxonomy, **options):
    settings = {"model": None, "thresholds": {}, "speaker": "rules"} | options
    table = predictions.combine(REPS, rules(taxonomy), taxonomy, **settings)
    return {(row["rep_id"], row["error"]): row for row in table.iter_rows(named=True)}


def opinions(taxonomy, value=0.3):
    return np.full((2, len(taxonomy.ids)), value, dtype=np.float32)


def test_rules_alone(default_taxonomy):
    found = combine(default_taxonomy)
    assert len(found) == 2 * len(default_taxonomy.ids)
    sag = found["a", "hips_sagging"]
    assert (sag["probability"], sag["present"], sag["predictor"]) == (0.8, True, "rules")
    assert sag["model_probability"] is None
    assert sag["reason"] == "hips 6 cm low"
    head = found["a", "head_dropped"]
    assert head["probability"] is head["present"] is None
    assert head["reason"] == "no rule for this error"


def test_a_view_that_cannot_show_it_has_no_probability_whoever_speaks(default_taxonomy):
    limits = dict.fromkeys(default_taxonomy.ids, 0.2)
    for speaker in ("rules", "candidate"):
        found = combine(
            default_taxonomy, model=opinions(default_taxonomy), thresholds=limits, speaker=speaker
        )
        hidden = found["a", "elbows_flared"]  # the rules' table says 0.8, the taxonomy: not from the side
        assert hidden["probability"] is hidden["present"] is None
        assert hidden["reason"] == "cannot be seen from a side view"
        assert found["b", "hips_sagging"]["probability"] is None


def test_the_models_opinion_is_kept_beside_the_rules(default_taxonomy):
    limits = dict.fromkeys(default_taxonomy.ids, 0.2)
    sag = combine(default_taxonomy, model=opinions(default_taxonomy), thresholds=limits)["a", "hips_sagging"]
    assert (sag["probability"], sag["rule_probability"]) == (0.8, 0.8)
    assert round(sag["model_probability"], 4) == 0.3
    assert sag["reason"] == "hips 6 cm low; model 0.30"


def test_a_model_that_speaks_uses_its_own_threshold(default_taxonomy):
    limits = dict.fromkeys(default_taxonomy.ids, 0.2) | {"hips_piked": 0.4}
    found = combine(
        default_taxonomy, model=opinions(default_taxonomy), thresholds=limits, speaker="candidate"
    )
    sag, pike = found["a", "hips_sagging"], found["a", "hips_piked"]
    assert (round(sag["probability"], 4), sag["present"], sag["predictor"]) == (0.3, True, "candidate")
    assert pike["present"] is False
    assert sag["reason"] == "model 0.30; hips 6 cm low"
    assert sag["rule_probability"] == 0.8


def test_rules_speak_for_what_the_model_has_not_learnt(default_taxonomy):
    model = opinions(default_taxonomy)
    model[:, 0] = np.nan
    found = combine(default_taxonomy, model=model, thresholds={"hips_piked": 0.5}, speaker="candidate")
    assert found["a", "hips_sagging"]["predictor"] == "rules"
    assert found["a", "hips_sagging"]["probability"] == 0.8
    assert found["a", "hips_piked"]["predictor"] == "candidate"


def test_reps_without_an_embedding_are_left_out():
    table = predictions.embedded(["b", "a"], np.array([[np.nan, 1], [0.5, 1]], dtype=np.float32))
    assert table.to_dicts() == [{"rep_id": "a", "embedding": [0.5, 1.0]}]
