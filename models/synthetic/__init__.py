"""Anomalies that are made of normal, for a discriminator to learn from; none is modelled on an event of a test set."""
