"""private_field_in_a_feature.py:14: angry: Note.text is Private: no key, condition, feature or outcome may read it; declare what may be learned from, such as a country or an age in years, as a field of its own"""

from video import Refresh, Video, Viewer

from millrace import Event, Pipeline, Private, Ref, Rules, System, Top, Trending, count


class Note(Event):
    by: Ref[Viewer]
    video: Ref[Video]
    text: Private[str]


angry = count(Note, per=Video, over="30d", where=Note.text == "bad")

feed = System(Refresh, candidate=Video, policy=Pipeline(Trending(Note.video), Rules(angry), Top(20)))
