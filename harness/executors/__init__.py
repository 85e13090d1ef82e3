"""Other ways to carry out a plan than shard by shard in this process."""
