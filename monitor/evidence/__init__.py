"""What is kept of how an event sounded: a clip and a picture, on disk, for as long as there is room."""
