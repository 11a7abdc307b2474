"""What a verb that trains or uses a network puts together: images, network, objective, optimiser, batches."""
