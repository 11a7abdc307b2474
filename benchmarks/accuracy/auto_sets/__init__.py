"""The data sets of `auto.py`: what is measured here, what is derived from it, and what anyone gives by path."""
