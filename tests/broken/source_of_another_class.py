"""source_of_another_class.py:7: sources.Trending: it proposes Viewer, but the system chooses among Video: use a source of Video"""

from video import Refresh, Video, Watch

from millrace import Fresh, Pipeline, System, Top, Trending

sources = Trending(Watch.viewer) | Fresh(Video.uploaded_at)

feed = System(Refresh, candidate=Video, policy=Pipeline(sources, Top(20)))
