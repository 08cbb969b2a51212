"""Tests of the social tier."""
