"""What keeps the latent variable of VHRED alive, and what is it good for? Writes vhred.json for the lesson vhred.

python benchmarks/vhred.py
"""

import numpy as np
import study
from hred import BATCH, COUNT, LR, SEEDS, UNITS, N, T, data, fit, right, say, weights
from tqdm import tqdm

from tinyseq import decoding
from tinyseq.keras_models import HRED, VHRED

import keras  # isort: skip  after tinyseq

Z, EPOCHS, DRAWS, ASKED = 8, 8, 20, 300
ANNEALING, WORD_DROP = {"annealing": 500}, {"word_drop": 0.25}
BAG = {"bag_of_words": True}
SETTINGS = {
    "HRED": None,
    "VHRED": {},
    "annealing": ANNEALING,
    "word drop": WORD_DROP,
    "bag of words": BAG,
    "all three": ANNEALING | WORD_DROP | BAG,
}


def several(part, said) -> dict:
    """The share of valid answers among DRAWS for each dialogue, and how many different valid ones an open one gets."""
    repeated = [dialogue for dialogue in part for _ in range(DRAWS)]
    found = {f"{kind}_valid": share for kind, share in right(repeated, said).items()}
    distinct = [
        len({" ".join(a) for a in said[i * DRAWS : (i + 1) * DRAWS] if a in dialogue.valid})
        for i, dialogue in enumerate(part)
        if dialogue.kind == "open"
    ]
    return found | {"distinct": round(float(np.mean(distinct)), 2)}


def run(name: str, seed: int) -> dict:
    words, (_, _, test), (train, _, encoded) = data(seed)
    test, turns, inputs = test[:ASKED], encoded.turns[:ASKED], encoded.answer_inputs[:ASKED]
    keras.utils.set_random_seed(seed)
    settings = SETTINGS[name]
    model = HRED(len(words), UNITS) if settings is None else VHRED(len(words), UNITS, Z, **settings)
    row = {"model": name, "seed": seed, "seconds": fit(model, train, epochs=EPOCHS), "weights": weights(model)}
    rng = np.random.default_rng(seed)
    context = np.repeat(model.context(turns), DRAWS, axis=0)
    if settings is None:
        states = model.start(context)
    else:
        kl, is_open = model.kl(turns, inputs), np.array([dialogue.kind == "open" for dialogue in test])
        row |= {"kl": round(float(kl.mean()), 3)}
        row |= {"kl_fact": round(float(kl[~is_open].mean()), 3), "kl_open": round(float(kl[is_open].mean()), 3)}
        states = model.start(context, rng)
    row["greedy"] = several(test, say(model, words, states))
    row["sampled"] = several(test, say(model, words, states, decoding.sample, rng=rng))
    return row


if __name__ == "__main__":
    runs = [(seed, name) for seed in SEEDS for name in SETTINGS]
    settings = {"dialogues": COUNT, "asked": ASKED, "draws": DRAWS, "units": UNITS, "Z": Z, "lr": LR, "batch": BATCH}
    settings |= {"epochs": EPOCHS, "N": N, "T": T} | ANNEALING | WORD_DROP
    rows = []
    for seed, name in tqdm(runs, unit="model"):
        rows.append(run(name, seed))
        study.write(__file__, rows, ("keras", "tensorflow-cpu"), settings=settings)
