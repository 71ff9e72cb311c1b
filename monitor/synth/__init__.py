"""Sounds that are made from nothing: machines and weather, in rooms."""
