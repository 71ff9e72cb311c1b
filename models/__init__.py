"""Stateless maths on batched tensors: no clock, thread, network or environment; files only in `checkpoint`."""
