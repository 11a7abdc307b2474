"""What `balance` asks of a model of others: its network, its images, its last layer, and whether they fit."""
