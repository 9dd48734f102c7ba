"""A system with nothing to fall back on: before its first release it cannot answer."""

from millrace import Act, Event, Itself, Logistic, Model, Pipeline, Ref, Request, System, outcome


class Question(Request):
    """Yes or no?"""

    length: int


class Answered(Event):
    """It was yes."""

    question: Ref[Question]


yes = outcome(Answered, within="1h")
guess = Model(yes, features=[Question.length], learner=Logistic())

oracle = System(Question, policy=Pipeline(Itself(), guess, Act({"yes": 0.5}, otherwise="no")))
