"""Learning from recordings: the offline verbs `train`, `calibrate` and `evaluate`. With the engine, the way to the models."""
