"""fresh_on_no_instant.py:7: newest: Fresh(Video.topic): not an instant attribute of an Entity; name one such as Video.uploaded_at"""

from video import Video

from millrace import Fresh

newest = Fresh(Video.topic, take=100)
