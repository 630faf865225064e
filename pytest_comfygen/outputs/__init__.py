"""What stays when we leave: images, their records, and the lines a person reads."""
