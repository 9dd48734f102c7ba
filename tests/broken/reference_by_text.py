"""reference_by_text.py:8: Comment: Ref["Comment"] names a class by text: write Ref[Comment], and begin the module with `from __future__ import annotations` if the class stands further down"""

from millrace import Entity, Ref


class Comment(Entity):
    text: str
    answers: Ref["Comment"]
