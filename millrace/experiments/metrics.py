"""The metrics that can be declared."""

from millrace.experiments.averages import Count, Mean
from millrace.experiments.quantiles import Quantile
from millrace.experiments.ratios import Ratio
from millrace.experiments.shares import Proportion, Retention

__all__ = ["Count", "Mean", "Proportion", "Quantile", "Ratio", "Retention"]
