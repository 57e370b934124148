"""One reader of frameworks: what a model of any of them computes, and from what."""

from .batch import (
    again as again,
    given as given,
    inputs_of as inputs_of,
    with_batch as with_batch,
)
from .calls import is_a as is_a
from .find import find_model as find_model, find_object as find_object
from .reader import (
    as_key as as_key,
    bind as bind,
    check_inputs as check_inputs,
    holds_weights as holds_weights,
    is_model as is_model,
    read as read,
)
from .subject import (
    blank as blank,
    first_line as first_line,
    fits as fits,
    Flat as Flat,
    is_key as is_key,
    Subject as Subject,
    weights_alone as weights_alone,
)
