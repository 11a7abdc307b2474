"""Files in and out: one reader a format, which tells in a sentence what is wrong; nothing is ever half-written."""
