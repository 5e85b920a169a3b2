"""ComfyUI nodes: sockets, tooltips and the host's services round the functions of `dragavideo_core`.

Nothing here computes. Core modules are imported inside `execute`, so that the pack adds next to nothing to ComfyUI's
start.
"""
