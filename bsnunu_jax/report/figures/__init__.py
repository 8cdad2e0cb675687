"""Figures for print, each with the numbers behind it in a file beside it.

A figure of a fit is one file here: `of_fit` says when it applies and draws it.
"""
