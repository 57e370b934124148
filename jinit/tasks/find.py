"""The built-in tasks by name; each is made, and its packages load, when asked for."""

import importlib

from .._core import choose, public, require
from .task import Task


# The tasks of each module; "digits-vit" is the function `digits_vit` there.
_HOMES = {
    "dense": "digits-relu digits-gelu digits-tanh mnist-mlp mnist-autoencoder",
    "convolutions": "mnist-conv mnist-residual mnist-resnet digits-unet",
    "patches": "digits-vit digits-mixer",
    "sequences": "text-gpt adding-lstm copy-ssm",
    "fields": "pixels-siren",
    "control": "control-ppo",
    "made": "digits-hypernet digits-lora",
}
_HOME = {name: home for home, names in _HOMES.items() for name in names.split()}
NAMES = tuple(_HOME)


@public("jinit.tasks", concrete=True)
def get(name: str) -> Task:
    """A built-in task: a model, its loss, and data to train on and to be judged by.

    Models are Flax modules written as users write them, with Flax's own start in every
    layer. A step takes some milliseconds on one core, and all data come with installed
    packages or are made here; the same name always gives the same task.

    Args:
        name: One of `jinit.tasks.NAMES`.

    Returns:
        A `Task`.

    Raises:
        ModuleNotFoundError: When Flax or the package that ships the data is missing.

    Example:
        >>> import jax, jinit
        >>> task = jinit.tasks.get("adding-lstm")
        >>> inputs, targets = task.batches[0]
        >>> params = jinit.initialize(task.model, jax.random.key(0), inputs)
        >>> loss = task.loss(task.model.apply(params, inputs), targets)
        >>> bool(loss < 4)  # outputs and targets have a variance of 1
        True
    """
    where = "jinit.tasks.get"
    choose(where, "name", name, NAMES)
    require(where, "flax.linen")
    module = importlib.import_module(f".{_HOME[name]}", __package__)
    return getattr(module, name.replace("-", "_"))()
