"""The laws of `jinit.compat`."""

from jinit.compat import torch

from . import Case


KERNEL = (8, 4, 2)

CASES = {
    "compat.torch.constant_": Case(torch.constant_(0.3)),
    "compat.torch.dirac_": Case(torch.dirac_(groups=2), KERNEL),
    "compat.torch.eye_": Case(torch.eye_),
    "compat.torch.kaiming_normal_": Case(
        torch.kaiming_normal_(0.2, "fan_out"), KERNEL, has_complex=False
    ),
    "compat.torch.kaiming_uniform_": Case(
        torch.kaiming_uniform_(nonlinearity="tanh"), KERNEL, has_complex=False
    ),
    "compat.torch.normal_": Case(torch.normal_(0.5, 0.1), has_complex=False),
    "compat.torch.ones_": Case(torch.ones_),
    "compat.torch.orthogonal_": Case(torch.orthogonal_(2.0), (4, 4), has_complex=False),
    "compat.torch.sparse_": Case(torch.sparse_(0.3), has_complex=False),
    "compat.torch.trunc_normal_": Case(
        torch.trunc_normal_(0.5, 1.0, -1.0, 1.0), has_complex=False
    ),
    "compat.torch.uniform_": Case(torch.uniform_(-1.0, 3.0), has_complex=False),
    "compat.torch.xavier_normal_": Case(
        torch.xavier_normal_(2.0), KERNEL, has_complex=False
    ),
    "compat.torch.xavier_uniform_": Case(
        torch.xavier_uniform_, KERNEL, has_complex=False
    ),
    "compat.torch.zeros_": Case(torch.zeros_),
}
