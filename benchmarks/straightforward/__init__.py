"""What ours is compared with: the method as one writes it down in plain NumPy and Keras, without any of this project's speed."""
