"""A machine room to try everything on: its sound, its faults, and the demo that plays them."""
