"""The page of metrics as a whole."""

from __future__ import annotations

from collections import Counter

from api.metrics import Metrics


def test_metrics_count_by_route_method_status_and_time() -> None:
    metrics = Metrics()
    metrics.measure("/a", "GET", 200, 0.2)
    metrics.measure("/a", "GET", 200, 0.3)
    metrics.measure(None, "BREW", 404, 20)
    metrics.count_events(Counter({("message", "accepted"): 2}))
    page = metrics.page()
    lines = page.get_data(as_text=True).splitlines()
    for line in (
        "# HELP lakehouse_api_requests_total Answered requests.",
        "# HELP lakehouse_api_request_seconds Time to answer.",
        "# HELP lakehouse_api_events_total Events by what became of them.",
        'lakehouse_api_requests_total{method="GET",route="/a",status="200"} 2.0',
        'lakehouse_api_requests_total{method="other",route="none",status="404"} 1.0',
        'lakehouse_api_request_seconds_sum{route="/a"} 0.5',
        'lakehouse_api_events_total{event_type="message",outcome="accepted"} 2.0',
    ):
        assert line in lines, line
    buckets = [
        line for line in lines if line.startswith('lakehouse_api_request_seconds_bucket{le="') and 'route="/a"' in line
    ]
    assert [(line.split('"')[1], line.split()[-1]) for line in buckets] == [
        ("0.001", "0.0"), ("0.0025", "0.0"), ("0.005", "0.0"), ("0.01", "0.0"), ("0.025", "0.0"), ("0.05", "0.0"),
        ("0.1", "0.0"), ("0.25", "1.0"), ("0.5", "2.0"), ("1.0", "2.0"), ("2.5", "2.0"), ("5.0", "2.0"),
        ("10.0", "2.0"), ("+Inf", "2.0"),
    ]  # fmt: skip
    assert page.content_type.startswith("text/plain; version=")
