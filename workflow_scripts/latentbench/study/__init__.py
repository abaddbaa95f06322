"""Sheets and config read and checked; which variants run on which data sets. Light imports."""
