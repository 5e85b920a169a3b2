"""What comes in and goes out: clips, pictures, video and sound, and the map between source and working pixels."""
