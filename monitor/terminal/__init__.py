"""What `run` shows to a person at a terminal, in place: at most four times a second it reads what the pipeline has left in memory."""
