// Pictures that are pasted or dropped into the editor.

/**
 * @param {HTMLElement} panel everything of the editor
 * @param {((file: Blob) => boolean) | undefined} take told of each picture; whether it is taken, else the page has it
 * @param {AbortSignal} signal
 */
export function listenToPictures(panel, take, signal) {
  const isPicture = (file) => file.type.startsWith("image/");

  function given(event, files) {
    const picture = [...(files ?? [])].find(isPicture);
    if (!picture || !take?.(picture)) return;
    event.preventDefault();
    event.stopPropagation(); // the graph would make a node of it
  }

  panel.addEventListener("paste", (event) => given(event, event.clipboardData?.files), { signal });
  panel.addEventListener("drop", (event) => given(event, event.dataTransfer?.files), { signal });
  panel.addEventListener("dragover", (event) => {
    if (event.dataTransfer?.types.includes("Files")) event.preventDefault();
  }, { signal });
}
