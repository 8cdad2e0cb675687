"""Transitions, kinematics, form factors and hadronic rows."""
