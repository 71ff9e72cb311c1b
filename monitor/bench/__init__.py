"""What the program carries on a machine: how fast it judges, how many streams it keeps up with, how late its events are, what it takes."""
