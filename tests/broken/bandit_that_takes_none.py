"""bandit_that_takes_none.py:7: one: Thompson(Viewer.country): take at least 1, or name an integer field of the request"""

from video import Viewer

from millrace import Thompson

one = Thompson(Viewer.country)
