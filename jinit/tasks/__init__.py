"""Small tasks of real data, for every kind of model: what a start is tried on."""

from .find import get as get, NAMES as NAMES
from .task import Task as Task
