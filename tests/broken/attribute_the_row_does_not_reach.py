"""attribute_the_row_does_not_reach.py:12: ranker: a row of Refresh and Video cannot reach Advertiser.country: add a Ref[Advertiser] to one of them, or use another key"""

from video import Creator, Refresh, Video, Watch, finished

from millrace import Entity, Logistic, Model, Pipeline, System, Top, Trending


class Advertiser(Entity):
    country: str


ranker = Model(
    finished,
    features=[Creator.country, Advertiser.country],
    learner=Logistic(),
)

feed = System(Refresh, candidate=Video, policy=Pipeline(Trending(Watch.video), ranker, Top(20)))
