"""What a model's computation says about its parameters."""
