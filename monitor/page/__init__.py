"""The live page: what people see of the running daemon, and where they say what they want of it."""
