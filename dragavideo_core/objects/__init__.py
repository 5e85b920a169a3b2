"""The dragged object in every frame: found on the key frame by what a person gives, and carried through the clip."""
