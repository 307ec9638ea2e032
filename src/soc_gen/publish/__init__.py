"""Publishes a clean file as a dataset on the Hub, with its card."""
