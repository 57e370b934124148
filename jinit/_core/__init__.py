"""The few ideas that all else stands on."""
