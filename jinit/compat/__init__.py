"""Other libraries' names, with their exact semantics."""
