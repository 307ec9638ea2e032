"""Runs a stage that asks a model: journal, resume, retries, order, budget. It imports no stage."""
