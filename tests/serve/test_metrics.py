from millrace.serve.metrics import Metrics


def counted(metrics):
    """Return how often each feature's default is said to have stood in."""
    lines = [line for line in metrics.text(None).decode().splitlines() if line.startswith("millrace_defaults_total{")]
    return {line.split('"')[1]: float(line.split()[-1]) for line in lines}


def test_defaults_that_stood_in_are_counted_by_feature_across_a_view_that_was_rebuilt():
    metrics = Metrics("shelf")
    assert counted(metrics) == {}
    for counts in ({"rate": 2}, {"rate": 2}, {"rate": 5, "taste": 1}, {"rate": 3}, {}, {"rate": 1}):
        metrics.stood_in(counts)
    assert counted(metrics) == {"rate": 9.0, "taste": 1.0}
