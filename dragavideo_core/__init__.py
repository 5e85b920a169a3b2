"""Drag-A-Video: point-based shape editing of video clips. The method alone; nothing here knows ComfyUI.

    clip -> model -> inversion -> propagation -> drag (offsets) -> decoding -> clip

`pipeline.drag_clip` runs all of it; every stage is a function of its own. Importing this package imports nothing heavy.
"""
