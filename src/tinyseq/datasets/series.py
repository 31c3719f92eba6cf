"""Series of measurements over time."""

import numpy as np


def sunspots() -> tuple[np.ndarray, np.ndarray]:
    """The yearly number of sunspots, 1700 to 2008: years (309,) and numbers (309,).

    Source: the National Geophysical Data Center, as statsmodels ships it. Public domain.
    """
    from statsmodels.datasets import sunspots

    data = sunspots.load_pandas().data
    return data["YEAR"].to_numpy(int), data["SUNACTIVITY"].to_numpy(float)


def co2() -> tuple[np.ndarray, np.ndarray]:
    """The weekly CO2 in the air at Mauna Loa, 1958 to 2001, in ppm: days (2284,) and values (2284,), 59 of them NaN.

    Source: Keeling & Whorf (2004), as statsmodels ships it. Public domain.
    """
    from statsmodels.datasets import co2

    data = co2.load_pandas().data["co2"]
    return data.index.to_numpy("datetime64[D]"), data.to_numpy(float)
