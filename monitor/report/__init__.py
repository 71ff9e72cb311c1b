"""What a replay found, for a person to look at and listen to: one file for a browser, one picture."""
