"""What schemathesis makes of `/openapi.json`: whatever it sends, the answer is one that is described there, and never blames the server."""

import os

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance, status_code_conformance

from tests.siege.besieged import Besieged

pytestmark = pytest.mark.server

EXAMPLES = int(os.environ.get("MILLRACE_FUZZ_EXAMPLES") or 6)
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
_DEADLINE_S = 30.0


def test_every_answer_is_one_that_is_described(besieged: Besieged) -> None:
    schema = schemathesis.openapi.from_url(f"http://127.0.0.1:{besieged.port}/openapi.json")
    operations = [found.ok() for found in schema.get_all_operations()]
    assert len(operations) > 20
    for one in operations:
        # What has no body has nothing that could be wrong but its path, which is a text whatever it is.
        for mode in GenerationMode if one.body else [GenerationMode.POSITIVE]:
            asked(one.as_strategy(generation_mode=mode))


def asked(cases: st.SearchStrategy[schemathesis.Case]) -> None:
    """Ask with cases drawn from a strategy, the same ones each time, and validate every answer."""

    @settings(max_examples=EXAMPLES, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
    @given(case=cases)
    def ask(case: schemathesis.Case) -> None:
        case.call_and_validate(checks=CHECKS, timeout=_DEADLINE_S)

    ask()
