"""Fit heads by name: the features they see, the settings, and one way to fit each method."""
