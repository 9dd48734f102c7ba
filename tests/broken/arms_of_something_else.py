"""arms_of_something_else.py:7: mine.Arms: Video.creator can never equal Refresh.viewer: name two fields that refer to the same class"""

from video import Refresh, Video

from millrace import Arms, Pipeline, System, Top

mine = Pipeline(Arms(Video.creator, of=Refresh.viewer), Top(20))

feed = System(Refresh, candidate=Video, policy=mine)
