import pytest
from numpy import exp, where

from millrace.errors import DeclarationError
from millrace.features.code import fingerprint

RATE = 2.0


def helper(x):
    return x + 1


def plain(x):
    return helper(x) * 2


def test_the_fingerprint_is_ten_hex_digits_and_the_same_each_time():
    found = fingerprint(plain)
    assert len(found) == 10
    assert int(found, 16) >= 0
    fingerprint.cache_clear()
    assert fingerprint(plain) == found


def written(tmp_path, text: str, name: str = "f"):
    """Return a function of a module with this text, as a user's file would hold it."""
    from importlib.util import module_from_spec, spec_from_file_location

    path = tmp_path / f"module_{len(list(tmp_path.iterdir()))}.py"
    path.write_text(text)
    spec = spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, name)


BODY = "def g(x):\n    return x + 1\n\n\ndef f(x):\n    return g(x) * 2\n"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(BODY.replace("    return g", "    # twice\n    return g"), id="a comment"),
        pytest.param(BODY.replace("    return g", '    """Twice."""\n    return g'), id="a docstring"),
        pytest.param(BODY.replace("g(x) * 2", "(\n        g(x)\n        * 2\n    )"), id="layout"),
        pytest.param(BODY.replace("f(x)", "f(x: float) -> float"), id="annotations"),
        pytest.param(BODY.replace("def f", "same = lambda f: f\n\n\n@same\ndef f"), id="a decorator"),
        pytest.param(f"UNUSED = 3\n\n\n{BODY}", id="a global it does not read"),
    ],
)
def test_what_does_not_change_the_result_does_not_change_the_fingerprint(tmp_path, text):
    assert fingerprint(written(tmp_path, text)) == fingerprint(written(tmp_path, BODY))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(BODY.replace("* 2", "* 3"), id="its body"),
        pytest.param(BODY.replace("+ 1", "+ 2"), id="the body of a helper"),
        pytest.param(BODY.replace("def g(x)", "def g(x, more=1)"), id="a default of a helper"),
        pytest.param(BODY.replace("f(x)", "f(y)").replace("g(x)", "g(y)"), id="the name of a parameter"),
    ],
)
def test_what_may_change_the_result_changes_the_fingerprint(tmp_path, text):
    assert fingerprint(written(tmp_path, text)) != fingerprint(written(tmp_path, BODY))


def test_what_a_function_needs_is_part_of_it():
    assert len({fingerprint(plain), fingerprint(plain, ("a",)), fingerprint(plain, ("b",))}) == 3


def test_a_default_counts_by_its_value(tmp_path):
    text = "K = {}\n\n\ndef f(x, k=K):\n    return x + k\n"
    assert fingerprint(written(tmp_path, text.format(1))) != fingerprint(written(tmp_path, text.format(2)))
    with pytest.raises(DeclarationError, match=r"f\(\) has the default \[1\], which is not a plain constant"):
        fingerprint(written(tmp_path, text.format([1])))


def test_a_global_value_is_refused_wherever_it_is_read():
    def direct(x):
        return x * RATE

    def inside(x):
        return [RATE * one for one in x]

    def through_a_helper(x):
        return direct(x)

    for function, name in ((direct, "direct"), (inside, "inside"), (through_a_helper, "direct")):
        with pytest.raises(DeclarationError, match=rf"{name}\(\) reads the global 'RATE'.*make it a constant inside the function"):
            fingerprint(function)


def test_a_local_of_the_same_name_as_a_global_is_not_the_global():
    def shadowing(x):
        RATE = 3.0  # noqa: N806
        return x * RATE

    assert fingerprint(shadowing)


def test_numpy_classes_and_builtins_are_trusted_by_name():
    def trusting(x):
        return where(x > 0, exp(x), len(x) + float(pytest.__version__ == ""))

    assert fingerprint(trusting)


def test_functions_that_call_each_other_are_absorbed_once():
    def even(n):
        return n == 0 or odd(n - 1)

    def odd(n):
        return n != 0 and even(n - 1)

    assert fingerprint(even) != fingerprint(odd)


def test_code_that_cannot_be_read_on_its_own_is_refused():
    with pytest.raises(DeclarationError, match="is not written with def in a file"):
        fingerprint(lambda x: x)
