"""The reasons for which experiments give no figure: those of all measuring, in `evaluation.reasons`, where members are added."""

from millrace.evaluation.reasons import Caution, Reason, Refused

__all__ = ["Caution", "Reason", "Refused"]
