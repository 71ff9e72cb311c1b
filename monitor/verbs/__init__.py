"""The verbs of the command line that are more than a few lines, by what they do. Only click is imported before one runs."""
