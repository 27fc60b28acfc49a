// Numbers, and numbers in words.

export const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

/** A quantile of sorted numbers, between two of them by their distances. */
export function quantile(sorted, share) {
  const at = share * (sorted.length - 1), i = Math.floor(at);
  return sorted[i] + (at - i) * ((sorted[i + 1] ?? sorted[i]) - sorted[i]);
}

/** 100 % is said only of what is complete. */
export const percent = (value) => (value == null ? "–" : `${Math.min(Math.round(100 * value), value < 1 ? 99 : 100)} %`);

/** Two significant digits, without an exponent. */
export function short(value) {
  if (value == null) return "–";
  if (value === 0) return "0";
  const digits = Math.max(0, 1 - Math.floor(Math.log10(Math.abs(value))));
  return value.toFixed(Math.min(digits, 6)).replace("-", "−");
}

/** The same without zeros at its end. */
export const number = (value) => short(value).replace(/(\.\d*?)0+$/, "$1").replace(/\.$/, "");

/** What people read of a number of a feature: in its unit, rounded as it is said; `otherwise` writes it where there is none. */
export function written({ display }, feature, value, otherwise = number) {
  const own = display?.[feature];
  if (!own) return otherwise(value);
  const shown = Math.round((own.offset + own.scale * value) / own.step) * own.step;
  const text = Math.abs(shown).toLocaleString("en-US", { minimumFractionDigits: own.places, maximumFractionDigits: own.places });
  return `${shown < 0 && /[1-9]/.test(text) ? "−" : ""}${own.prefix}${text}`;
}

/** A feature at its axis: with the ends of the axis where people read them in a unit, and with what is locked of it. */
export const axisWords = ({ features, display }, feature, locked = "") =>
  `${features[feature]}${locked && ` ${locked}`}${display?.[feature] ? `, ${display[feature].ends}` : ""} →`;

/** A probability in hundredths, rounded down as everywhere in the app: what falls short of a threshold does not look as if it had reached it, and nothing is certain. */
export const chance = (value) => (value > 0.99 ? "> 0.99" : value < 0.01 ? "< 0.01" : number(Math.floor(100 * value + 1e-4) / 100));

/** The same of a search that was found to have reached `asked`, or not: what has been stored coarsely must not contradict it. */
export function sureness(value, asked, reached) {
  const bound = reached ? Math.max(value, asked) : value < asked ? value : asked - 0.01;
  return chance(bound);
}

export const plural = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;

export const capital = (text) => text && text[0].toUpperCase() + text.slice(1);

/** A figure with its words; a figure that is itself a word comes first. */
export const phrase = (words, figure) => (/^[A-Z]/.test(figure) ? `${figure} ${words}` : `${words} ${figure}`);
