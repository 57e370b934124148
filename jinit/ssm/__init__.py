"""State-space models and linear recurrences: poles, steps, gates, decays."""
