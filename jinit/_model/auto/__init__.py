"""Laws chosen by what the computation does with each parameter."""
