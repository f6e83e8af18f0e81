"""Listeners for ``LLMCache(on_event=...)`` that hand events on. One module each, none loaded here.

- ``logs.LogEvents``: Python's ``logging``; needs nothing.
- ``otel.OpenTelemetryMetrics``: OpenTelemetry metrics; needs the extra ``otel``.
- ``prometheus.PrometheusMetrics``: Prometheus metrics; needs the extra ``prometheus``.
"""
