"""The laws of `jinit.compat`."""

from jinit.compat import lasagne, timm, torch

from . import Case


KERNEL = (8, 4, 2)

CASES = {
    "compat.lasagne.Constant": Case(lasagne.Constant(0.3)),
    "compat.lasagne.Glorot": Case(
        lasagne.Glorot(lasagne.Normal(mean=0.5)), has_complex=False
    ),
    "compat.lasagne.GlorotNormal": Case(
        lasagne.GlorotNormal("relu"), KERNEL, has_complex=False
    ),
    "compat.lasagne.GlorotUniform": Case(lasagne.GlorotUniform, has_complex=False),
    "compat.lasagne.He": Case(
        lasagne.He(lasagne.Uniform, 2.0, c01b=True), (2, 2, 4, 8), has_complex=False
    ),
    "compat.lasagne.HeNormal": Case(lasagne.HeNormal, has_complex=False),
    "compat.lasagne.HeUniform": Case(
        lasagne.HeUniform("relu"), KERNEL, has_complex=False
    ),
    "compat.lasagne.Normal": Case(lasagne.Normal(0.1, 0.5), has_complex=False),
    "compat.lasagne.Orthogonal": Case(
        lasagne.Orthogonal("relu"), (4, 4), has_complex=False
    ),
    "compat.lasagne.Sparse": Case(lasagne.Sparse(0.3), has_complex=False),
    "compat.lasagne.Uniform": Case(lasagne.Uniform((-1.0, 3.0)), has_complex=False),
    "compat.timm.lecun_normal_": Case(timm.lecun_normal_, KERNEL, has_complex=False),
    "compat.timm.trunc_normal_": Case(
        timm.trunc_normal_(0.5, 1.0, -1.0, 1.0), has_complex=False
    ),
    "compat.timm.trunc_normal_tf_": Case(
        timm.trunc_normal_tf_(0.5, 0.1, -1.0, 3.0), has_complex=False
    ),
    "compat.timm.variance_scaling_": Case(
        timm.variance_scaling_(2.0, "fan_avg", "uniform"), KERNEL, has_complex=False
    ),
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
