"""Measure fitted heads side by side, and say in numbers and words what was gained."""
