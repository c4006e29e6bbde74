"""Lightning callbacks that two or more techniques share."""
