"""Normalizing flows: the layers and the prior that zuko lacks, and the flow that DLSA filters with."""

from longtail.flows.autoregressive import AutoregressiveLayer
from longtail.flows.batch_norm import FlowBatchNorm
from longtail.flows.mixture import GaussianMixture, center_scale
from longtail.flows.mixture_flow import MixtureFlow

__all__ = ["AutoregressiveLayer", "FlowBatchNorm", "GaussianMixture", "MixtureFlow", "center_scale"]
