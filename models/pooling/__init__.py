"""How residuals and features become a few numbers, a file a sense."""
