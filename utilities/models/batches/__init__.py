"""Asks by the providers' batch endpoints: many requests at once, half the price, within a day."""
