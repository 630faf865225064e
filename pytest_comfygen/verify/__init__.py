"""An image's bytes become findings. Pure: nothing is fetched and nothing is written."""
