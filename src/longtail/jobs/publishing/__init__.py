"""Parts of `longtail publish`."""
