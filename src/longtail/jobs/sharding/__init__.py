"""Work on many shards of a data set by any number of processes that share a folder and nothing else."""
