// What the node says, in the languages that the pack speaks.

const ENGLISH = {
  open: (title) => (title ? `Connect images or a video to ${title}.` : "Connect a clip: Prepare Clip or Example Clip. Or paste a picture to set points on."),
  mute: (title) => `${title} is muted, so no clip comes in.`,
  run: (title) => `The clip comes from ${title}; run the graph once to see its frames.`,
  empty: (count) => `No frame is taken: only ${count} come in, and "start" is after the last.`,
  linked: (title) => `The points come from ${title}; disconnect it to edit them here.`,
};

const CHINESE = {
  open: (title) => (title ? `请把图像或视频连接到 ${title}。` : "请连接片段：准备片段或示例片段。也可以粘贴一张图片来设置点。"),
  mute: (title) => `${title} 已静音，没有片段输入。`,
  run: (title) => `片段来自 ${title}；运行一次工作流即可看到画面。`,
  empty: (count) => `没有取到帧：输入只有 ${count} 帧，而 "start" 在最后一帧之后。`,
  linked: (title) => `点来自 ${title}；断开连接后可在此编辑。`,
};

/** The words for a locale such as "en" or "zh-TW". */
export function words(locale) {
  return String(locale).startsWith("zh") ? CHINESE : ENGLISH;
}
