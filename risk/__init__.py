"""Limits, sizing, exits and breakers: pure; the only maker of an ApprovedOrder."""
