"""What predicts, in which world, and what other worlds would change."""
