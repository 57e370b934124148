"""Weights learned from data without labels, to start from where labels are few."""

from .autoencoder import Autoencoder as Autoencoder
from .dbn import dbn as dbn
from .denoising import denoising_autoencoder as denoising_autoencoder
from .dense import Dense as Dense
from .greedy import Pretrained as Pretrained
from .machine import RBM as RBM
from .pictures import plot_filters as plot_filters
from .rbm import rbm as rbm, Trained as Trained
from .records import Epoch as Epoch, History as History
from .transfer import transfer as transfer
from .unroll import unroll as unroll, Unrolled as Unrolled
