"""Complex and quaternion weights."""
