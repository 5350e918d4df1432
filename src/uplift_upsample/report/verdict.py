"""Whether a figure is reproduced: one word, by a rule that is part of the configuration and stands in the table."""

import math

from uplift_upsample.plan.thresholds import Tolerance, VerdictRule
from uplift_upsample.report.cells import NOT_PLANNED, NOT_RUN

PASS, WARN, FAIL = "PASS", "WARN", "FAIL"
NOT_COMPARED = NOT_PLANNED
# Worst first: the verdict on a study as a whole is its worst one.
ORDER = (FAIL, WARN, PASS, NOT_RUN, NOT_COMPARED)


def verdict(mean: float, published: float, tolerance: Tolerance, *, is_run: bool) -> str:
    """One word on a number in mm. published: NaN where there is no figure that it may be compared with.

    The distance is compared as the tables print it, with two decimals, so that no reader gets another word from what stands there.
    """
    if not is_run:
        return NOT_RUN
    if math.isnan(published):
        return NOT_COMPARED
    distance = abs(round(mean - published, 2))
    if math.isnan(distance):
        return FAIL
    return PASS if distance <= tolerance.pass_mm else WARN if distance <= tolerance.warn_mm else FAIL


def rule_text(rule: VerdictRule) -> str:
    """The rule in words, as it stands in the table."""
    rules = [
        f"{name}, PASS up to {tolerance.pass_mm:g} mm from the published figure, WARN up to {tolerance.warn_mm:g} mm, FAIL beyond"
        for name, tolerance in (("Published weights", rule.published_weights), ("trained here", rule.trained_here))
    ]
    return (
        f"Rule of the verdict, on MPJPE on all frames, in either direction. {'; '.join(rules)}. Trained here counts with its mean "
        f"over the seeds. {NOT_RUN}: planned, but there is no result. {NOT_COMPARED}: no published figure, or one of "
        "another protocol or test set. The numbers of the rule are in config.yaml, under verdict."
    )
