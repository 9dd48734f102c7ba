"""reference_to_a_type.py:7: Watch: Ref[str] refers to nothing that has an id: name an Entity or a Request class"""

from millrace import Event, Ref


class Watch(Event):
    viewer: Ref[str]
    seconds: float
