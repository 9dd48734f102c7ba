"""no_system.py: it declares no system: bind one at the top of the module, as in feed = System(...)"""

from video import Watch

from millrace import Pipeline, Top, Trending

popular = Pipeline(Trending(Watch.video), Top(20))
