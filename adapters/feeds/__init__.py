"""Bars of several vendors behind one port."""
