"""The profile of all property-based tests: few examples, the same ones each time, nothing kept."""

from hypothesis import HealthCheck, settings

QUICK = settings(
    derandomize=True, max_examples=40, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
