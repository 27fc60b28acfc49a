// Colours: those of the page's theme, and how they mix.

const probe2d = document.createElement("canvas").getContext("2d", { willReadFrequently: true });

/** Any CSS colour as [r, g, b]. */
function rgb(colour) {
  probe2d.clearRect(0, 0, 1, 1);
  probe2d.fillStyle = "#000";
  probe2d.fillStyle = colour;
  probe2d.fillRect(0, 0, 1, 1);
  return [...probe2d.getImageData(0, 0, 1, 1).data.subarray(0, 3)];
}

const luminance = ([r, g, b]) => (0.2126 * r + 0.7152 * g + 0.0722 * b) / 255;
export const css = ([r, g, b], alpha = 1) => `rgb(${r} ${g} ${b} / ${alpha})`;
export const mix = (from, to, share) => from.map((v, i) => Math.round(v + (to[i] - v) * share));

/** The colours in force: the page's ground decides between the light and the dark set; on paper they are light. */
export function themeOf(root, palette, onPaper = false) {
  const style = getComputedStyle(root);
  const ground = onPaper ? "#fff" : style.getPropertyValue("--st-background-color").trim();
  const dark = ground ? luminance(rgb(ground)) < 0.45 : matchMedia("(prefers-color-scheme: dark)").matches;
  const set = dark ? palette.dark : palette.light;
  const theme = { dark, set, font: style.fontFamily, ground: rgb(ground || set.ground), ink: rgb(set.ink), muted: rgb(set.muted) };
  theme.classes = palette.classes.map(rgb);
  // Marks are drawn lighter on dark ground, where the full colours sink in.
  theme.marks = theme.classes.map((colour) => (dark ? mix(colour, [255, 255, 255], 0.28) : colour));
  theme.tint = dark ? 0.42 : 0.34;
  if (palette.energy) theme.energy = rgb(palette.energy[dark ? "dark" : "light"]);
  theme.table = theme.classes.length >= 2 ? binaryTable(theme) : null;
  return theme;
}

/** Colour of each of 1,021 probabilities of class 1: tints of the two classes, meeting in the ground. */
function binaryTable({ classes, ground, tint }) {
  const table = new Uint32Array(1021);
  for (let i = 0; i < 1021; i++) {
    const sure = Math.abs(2 * (i / 1020) - 1);
    const [r, g, b] = mix(ground, classes[i > 510 ? 1 : 0], tint * sure ** 0.75);
    table[i] = (255 << 24) | (b << 16) | (g << 8) | r;
  }
  return table;
}
