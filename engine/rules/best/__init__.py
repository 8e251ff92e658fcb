"""Lanes that decide line by line or unit by unit: which promotion gets which, so that the shopper pays the least."""
