"""What the passes that make vectors share."""
