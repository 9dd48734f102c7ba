"""canary_that_does_not_rise.py:8: schedule: Canary('10%', '1%', '100%'): the shares must rise to "100%", such as Canary("1%", "10%", "100%")"""

from millrace import Canary, NotWorse, Retrain

schedule = Retrain(
    every="1d",
    gate=NotWorse("auc"),
    rollout=Canary("10%", "1%", "100%"),
)
