"""Latency statistics: percentiles true to the promised part over a room's whole life."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backrooms_tui.model.latency import Latencies

TRUE_TO = 0.045
latencies = st.lists(st.integers(min_value=1, max_value=10**14), min_size=1, max_size=300)


def observed(values):
    result = Latencies()
    for value in values:
        result = result.observe(value)
    return result


@given(latencies, st.sampled_from([0.01, 0.5, 0.95, 0.99, 1.0]))
def test_a_percentile_is_within_4_and_a_half_percent_of_the_true_one(values, fraction):
    true = sorted(values)[math.ceil(fraction * len(values)) - 1] / 1e9
    assert true * (1 - 1e-9) <= observed(values).percentile(fraction) <= true * (1 + TRUE_TO)


@given(latencies)
def test_count_sum_average_and_maximum_are_exact(values):
    result = observed(values)
    assert (result.count, result.total, result.maximum) == (len(values), sum(values), max(values))
    assert result.average == pytest.approx(sum(values) / len(values) / 1e9)
    assert sum(result.buckets.values()) == len(values)


def test_nothing_measured_is_zero():
    assert Latencies().average == 0.0
    assert Latencies().percentile(0.5) == 0.0


def test_observing_leaves_the_earlier_value_as_it_was():
    one = Latencies().observe(5)
    one.observe(7)
    assert (one.count, sum(one.buckets.values())) == (1, 1)


def test_a_latency_of_zero_is_counted():
    assert observed([0, 0]).count == 2
    assert observed([0, 0]).percentile(0.99) == 0.0


def test_a_record_stays_small_whatever_was_measured():
    values = [10**exponent * digit for exponent in range(3, 14) for digit in range(1, 10)] * 50
    assert len(observed(values).buckets) <= 16 * 37
