"""Configurations of others: what is a mapping to them, and how Keras writes one."""

import re
from collections.abc import Mapping
from typing import Any

from .text import shown


def entries(value: Any) -> dict[str, Any] | None:
    """The entries of a mapping, or of what is one in all but name; else None.

    The `ConfigDict` of ml_collections has keys, and is no `Mapping`.
    """
    alike = hasattr(value, "keys") and hasattr(value, "__getitem__")
    if isinstance(value, type) or not (isinstance(value, Mapping) or alike):
        return None
    return dict(value)


# By name in Keras, the law of ours and the settings that Keras gives it by default.
# Keras calls "normal" what it cuts at two standard deviations.
_DISTRIBUTIONS = {"normal": "truncated_normal", "untruncated_normal": "normal"}
_SCALING = {"scale": 1.0, "mode": "fan_in", "distribution": "truncated_normal"}
_KERAS: dict[str, tuple[str, dict[str, Any]]] = {
    "constant": ("constant", {"value": 0.0}),
    "identity_initializer": ("identity", {}),
    "normal": ("normal", {"mean": 0.0, "stddev": 0.05}),
    "one": ("ones", {}),
    "orthogonal_initializer": ("orthogonal", {}),
    "random_normal": ("normal", {"mean": 0.0, "stddev": 0.05}),
    "random_uniform": ("uniform_range", {"minval": -0.05, "maxval": 0.05}),
    "truncated_normal": ("truncated_normal", {"mean": 0.0, "stddev": 0.05}),
    "uniform": ("uniform_range", {"minval": -0.05, "maxval": 0.05}),
    "variance_scaling": ("variance_scaling", _SCALING),
    "zero": ("zeros", {}),
}


def from_keras(where: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """What Keras writes of an initializer, as `Initializer.to_config` does.

        {"class_name": "HeNormal", "config": {"seed": None}}

    Settings that are not there are those of Keras. Seeds are left out: keys are given
    when weights are drawn. What `jinit.compat.keras.wrap` made is its initializer.
    """
    name, settings = config["class_name"], entries(config.get("config", {}))
    if not isinstance(name, str) or settings is None:
        raise ValueError(
            f"`{where}` needs a text as `class_name` and a mapping as `config`. "
            f"Got {shown(config)}."
        )
    settings.pop("seed", None)
    if name.endswith("Wrapped") and [*settings] == ["initializer"]:
        return settings["initializer"]
    if "." not in name:
        name = re.sub("(?<=[a-z])(?=[A-Z])", "_", name).lower()
    name, defaults = _KERAS.get(name, (name, {}))
    for axes in ("input_axes", "output_axes"):
        if settings.pop(axes, None) is not None:
            raise ValueError(
                f"`{where}` needs `{axes}` to be None. Got {shown(config)}. Axes that "
                "Keras is not told of count in no fan: give `in_axis`, `out_axis` and "
                "`batch_axis` to `jinit.variance_scaling`."
            )
    given = defaults | settings
    if defaults is _SCALING:
        kind = given["distribution"]
        given["distribution"] = _DISTRIBUTIONS.get(kind, kind)
    return {"name": name, "settings": given}
