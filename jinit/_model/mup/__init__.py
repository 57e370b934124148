"""muP: how initialization and training scale with the width."""
