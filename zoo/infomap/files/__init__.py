"""Files of networks and partitions, read and written."""
