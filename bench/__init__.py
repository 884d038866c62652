"""Benchmarks: real processes under load, sides taken in turns, reported as ratios of medians."""
