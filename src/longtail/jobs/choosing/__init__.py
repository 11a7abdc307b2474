"""Choose between methods, transforms and ensembles on rows that no head was fitted to."""
