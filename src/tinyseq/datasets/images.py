"""Small pictures."""

import numpy as np


def digits() -> tuple[np.ndarray, np.ndarray]:
    """Handwritten digits of 8 by 8 pixels: brightness from 0 to 1 (1797, 64) and which digit it is (1797,).

    Source: Alpaydin & Kaynak (1998), Optical Recognition of Handwritten Digits, as scikit-learn ships it. CC BY 4.0.
    """
    from sklearn.datasets import load_digits

    pixels, which = load_digits(return_X_y=True)
    return pixels / 16, which
