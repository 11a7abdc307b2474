"""What `calibrate` measures, stores and says."""
