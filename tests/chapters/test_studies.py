"""What the lessons say of several seeds holds for each seed of the committed studies."""

import json
from pathlib import Path

import numpy as np

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def study(name: str) -> dict:
    return json.loads((BENCHMARKS / f"{name}.json").read_text(encoding="utf-8"))


def test_training_brings_words_of_like_use_together_whatever_the_seed():
    rows = study("neighbours")["rows"]
    assert len({row["seed"] for row in rows}) >= 5
    for row in rows:
        assert abs(row["within_before"] - row["across_before"]) < 0.1
        assert row["within_after"] > row["across_after"] + 0.5
        assert row["test_loss"] < 5.1  # the frequency of words alone gives 5.66


def test_word_vectors_agree_with_people_as_well_as_those_of_gensim():
    rows = study("word_vectors")["rows"]
    held_out = {
        method: [row["wordsim_odd"] for row in rows if row["method"] == method]
        for method in ("CBOW, tinyseq", "CBOW, gensim", "skip-gram, tinyseq", "skip-gram, gensim")
    }
    assert all(len(values) >= 5 and min(values) > 0.25 for values in held_out.values())
    for method in ("CBOW", "skip-gram"):
        assert np.mean(held_out[f"{method}, tinyseq"]) > np.mean(held_out[f"{method}, gensim"]) - 0.03


def test_cbow_in_numpy_has_a_good_part_of_the_speed_of_gensim():
    speed = {row["program"]: row["words_per_second"] for row in study("word2vec_speed")["rows"]}
    assert speed["CBOW, tinyseq"] > 0.5 * speed["CBOW, gensim"]
    assert speed["CBOW, tinyseq"] > 90 * speed["CBOW, softmax and loops"]


def test_learning_rates_of_word_vectors_were_chosen_on_the_other_half_of_the_pairs():
    found = study("word_vectors")
    for method in {row["method"] for row in found["chosen"]}:
        tried = [row for row in found["chosen"] if row["method"] == method]
        best = max(tried, key=lambda row: row["wordsim_even"])["lr"]
        assert {row["lr"] for row in found["rows"] if row["method"] == method} == {best}


def test_the_masked_average_ties_with_tfidf_and_beats_the_maximum_whatever_the_seed():
    rows = study("classifiers")["rows"]
    seeds = {row["seed"] for row in rows}
    assert len(seeds) >= 5
    for seed in seeds:
        models = {row["model"]: row for row in rows if row["seed"] == seed}
        masked, unmasked = models["masked average"], models["unmasked average"]
        far = models["unmasked average, T = 256"]
        assert masked["test"] == masked["test_alone"] == masked["test_256"] > 0.8
        for other, margin in (("TF-IDF", 0.03), ("unmasked average", 0.02), ("unmasked average, T = 256", 0.02)):
            assert abs(masked["test"] - models[other]["test"]) < margin
        assert unmasked["test_256"] < unmasked["test"] - 0.03  # padded further than in training
        assert masked["validation"][1] > 0.8 > unmasked["validation"][1] > far["validation"][1]
        assert max(models[name]["test"] for name in ("masked max", "unmasked max")) < masked["test"] - 0.03
        assert models["masked max"]["test"] < models["masked max, D = 64"]["test"] < masked["test"]


def test_the_mended_cbow_ends_lower_on_average_but_the_seeds_overlap():
    rows = study("cbow_bug")["rows"]
    blog, mended = (np.array([row[key][-1] for row in rows]) for key in ("blog", "mended"))
    assert len(rows) >= 20 and mended.mean() < blog.mean() - 0.05
    assert np.mean(mended < blog) > 0.8 and blog.min() < mended.max()


def test_the_lstm_in_numpy_beats_the_eager_step_of_keras():
    rows = study("recurrent_speed")["rows"]
    assert len({(row["T"], row["H"]) for row in rows}) >= 9
    assert min(row["eager"] for row in rows) > 2
    assert min(row["fit"] for row in rows if row["H"] <= 32) > 0.7


def test_a_bidirectional_network_fills_gaps_better_than_any_interpolation_whatever_the_seed():
    found = study("gap_filling")
    rows = {(row["model"], row.get("size"), row.get("seed")): row for row in found["rows"]}
    interpolations = ("last value", "linear", "PCHIP", "cubic", "cubic, not below 0")
    best = min(rows[name, None, None]["test"] for name in interpolations)
    seeds = {seed for _, _, seed in rows if seed is not None}
    assert len(seeds) >= 5
    for seed in seeds:
        forward, backward, both = (
            rows[name, "own known years", seed] for name in ("forward", "backward", "bidirectional")
        )
        assert both["test"] < 0.75 * best
        assert both["test"] < min(forward["test"], backward["test"], rows["least squares", None, None]["test"])
        assert both["test"] < rows["bidirectional", "training years", seed]["test"] - 2
        assert forward["across"] == sorted(forward["across"])  # what it knows recedes
        assert np.mean(both["across"][1:4]) > np.mean([both["across"][0], both["across"][4]])


def test_settings_for_the_gap_were_chosen_before_the_test_years():
    chosen = study("gap_filling")["chosen"]
    for model in ("forward", "bidirectional"):
        best = min((row for row in chosen if row["model"] == model), key=lambda row: row["validation"])
        assert best["size"] == "own known years"


def test_gates_help_the_memory_where_they_start_open():
    found = study("memory")
    runs = {}
    for row in found["rows"]:
        name = row["network"] if row["bias"] is None else f"{row['network']} {row['bias']}"
        runs.setdefault((row["task"], row["T"]), {}).setdefault(name, []).append(row["accuracy"])
    assert all(len(accuracies) >= 5 for each in runs.values() for accuracies in each.values())
    assert min(np.mean(each) for each in [*runs["first", 10].values(), *runs["marked", 10].values()]) > 0.95
    for name in ("LSTM 5", "GRU 5"):
        assert np.mean(runs["first", 100][name]) > 0.9 and np.mean(runs["marked", 40][name]) > 0.95
    for name in ("LSTM 1", "GRU 0"):
        assert np.mean(runs["first", 100][name]) < 0.35 < np.mean(runs["first", 100]["RNN"])
    assert np.mean(runs["marked", 40]["RNN"]) < 0.35
    assert np.mean(runs["marked", 100]["LSTM 5"]) < 0.35 < 0.95 < np.mean(runs["marked", 100]["GRU 5"])


def test_the_vae_in_numpy_ends_where_keras_does_and_collapses_where_the_kl_weighs_too_much():
    found = study("vae")
    runs = {}
    for row in found["rows"]:
        runs.setdefault((row["program"], row["Z"], row["beta"], row["method"]), []).append(row)
    assert min(map(len, runs.values())) >= 5
    for Z in (2, 8):
        for ours, theirs in zip(runs["tinyseq", Z, 1, "constant"], runs["Keras", Z, 1, "constant"], strict=True):
            assert ours["seed"] == theirs["seed"] and abs(ours["minus_elbo"] - theirs["minus_elbo"]) < 0.5
            assert max(ours["minus_elbo"], theirs["minus_elbo"]) < found["mean_image"] - 2
    collapsed = [(8, 4, "constant"), (8, 10, "constant"), (8, 4, "warm-up"), (8, 1, "mean over pixels")]
    for key in [*collapsed, (2, 4, "constant"), (2, 10, "constant")]:
        assert all(row["kl"] < 0.05 and row["active"] == 0 for row in runs["tinyseq", *key])
    for beta in (1, 4):
        assert all(row["active"] == 8 for row in runs["tinyseq", 8, beta, "free bits"])
    for Z in (2, 8):
        best = min((row for row in found["chosen"] if row["Z"] == Z), key=lambda row: row["validation"])
        assert best["lr"] == 0.005  # the lesson's


def seeds_of(rows: list[dict], *models: str) -> list[dict[str, dict]]:
    """For each seed the row of each model; at least three seeds."""
    seeds = sorted({row["seed"] for row in rows})
    assert len(seeds) >= 3
    by_seed = [{row["model"]: row for row in rows if row["seed"] == seed} for seed in seeds]
    assert all(set(models) <= set(found) for found in by_seed)
    return by_seed


def test_hred_answers_what_the_last_turn_cannot_and_learns_faster_than_concatenation():
    found = study("hred")
    concatenated = "all turns as one"
    for models in seeds_of(found["rows"], "last turn", concatenated, "HRED"):
        last, hred = models["last turn"]["test_fact"], models["HRED"]["test_fact"]
        assert hred > last + 0.5 and last < 1 / 8 + 0.05  # one of eight values
        assert hred > models[concatenated]["test_fact"] + 0.05
        assert abs(hred - models[f"{concatenated}, twice the epochs"]["test_fact"]) < 0.05
        assert min(row["test_pairs"] for row in models.values()) >= 200
        assert len({row["weights"] for row in models.values()}) == 1
    for row in found["growth"]:
        N, T = row["turns"], found["settings"]["T"]
        assert row["steps_hred"] == N * (T + 1) and row["steps_again"] == T * N * (N + 1) // 2
        assert row["steps_state_kept"] == N * T < row["steps_hred"]
        assert row["path_hred"] == T + N < row["path_as_one"] == T * N
    assert found["growth"][-1]["time_ratio"] > 5


def test_vhred_keeps_its_latent_variable_with_all_remedies_and_is_no_cure_all():
    rows = study("vhred")["rows"]
    for models in seeds_of(rows, "HRED", "VHRED", "annealing", "word drop", "bag of words", "all three"):
        best = models["all three"]
        assert best["kl"] > 0.3 and best["greedy"]["distinct"] > 3
        assert best["kl_open"] > 2 > 0.2 > best["kl_fact"]
        for name in ("VHRED", "word drop"):
            assert models[name]["kl"] < 0.05 and models[name]["greedy"]["distinct"] < 2
        assert models["annealing"]["kl"] > 0.05 and models["annealing"]["greedy"]["distinct"] > 3
        assert models["HRED"]["greedy"]["distinct"] <= 1
        drawn = models["HRED"]["sampled"]
        assert drawn["distinct"] > best["greedy"]["distinct"] - 0.2
        assert drawn["open_valid"] > best["greedy"]["open_valid"]
    alone = [row["kl"] for row in rows if row["model"] == "bag of words"]
    assert min(alone) < 0.05 and max(alone) > 0.3  # by itself it depends on the seed


def test_dates_are_read_by_every_seed_and_plain_is_only_slower():
    rows = study("dates")["rows"]
    runs = {}
    for row in rows:
        runs.setdefault((row["model"], row["epochs"]), []).append(row["test"])
    assert len(runs["peeky", 8]) >= 3 and min(runs["peeky", 8]) >= 0.99
    assert len(runs["reversed peeky", 8]) >= 3 and min(runs["reversed peeky", 8]) >= 0.99
    assert max(runs["plain", 8]) < 0.9
    longer = [share for (model, epochs), shares in runs.items() if model == "plain" and epochs > 8 for share in shares]
    assert len(longer) >= 2 and min(longer) > 0.97


def test_attention_reads_the_dates_in_fewer_epochs_with_every_seed():
    rows = [row for row in study("dates_attention")["rows"] if row["task"] == "dates"]
    runs = {}
    for row in rows:
        runs.setdefault((row["model"], row["epochs"]), []).append(row)
    for model in ("bi Luong", "bi Bahdanau"):
        found = runs[model, 5]
        assert len(found) >= 3 and min(row["test"] for row in found) >= 0.99
        assert max(row["seconds"] for row in found) < 60
    plain = [row["test"] for row in study("dates")["rows"] if (row["model"], row["epochs"]) == ("plain", 8)]
    assert max(plain) < 0.9


def test_the_transformer_reads_the_dates_and_not_without_positions():
    found = study("transformer")
    for models in seeds_of(found["rows"], "transformer", "without positions", "one head"):
        assert models["transformer"]["test"] >= 0.99 > models["one head"]["test"]
        assert models["without positions"]["test"] < 0.2
        assert len({row["weights"] for row in models.values()}) == 1
    for row in found["growth"]:
        if not 64 < row["T"] < 128:
            assert (row["attention_by_gru"] < 1) == (row["T"] <= 64)
