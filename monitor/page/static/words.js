// Numbers as people say them.

const UNITS = [["year", 365.25 * 86400], ["month", 30.44 * 86400], ["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];

/** A stretch of time, in the largest unit of which there are two: "9 days", "90 seconds". */
export function stretch(seconds) {
  const [unit, length] = UNITS.find(([, each]) => seconds >= 2 * each) ?? UNITS.at(-1);
  const count = seconds / length;
  const said = count < 10 && unit === "second" ? count.toFixed(1).replace(/\.0$/, "") : Math.round(count).toLocaleString("en");
  return `${said} ${unit}${said === "1" ? "" : "s"}`;
}

/** A number with three digits or so. */
export function number(value) {
  if (value === null || value === undefined) return "–";
  return Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(1);
}

export function hertz(value) {
  return value >= 1000 ? `${(value / 1000).toFixed(1).replace(/\.0$/, "")} kHz` : `${Math.round(value)} Hz`;
}

/** Where in the sound or the picture. */
export function place(where) {
  if ("low_hz" in where) return where.low_hz < 20 ? `below ${hertz(where.high_hz)}` : `${hertz(where.low_hz)} to ${hertz(where.high_hz)}`;
  if ("x" in where) return `at ${where.x}, ${where.y} in the picture, ${where.width} by ${where.height} pixels`;
  return "";
}

/** A time of day, with the date if it is another one. */
export function clock(unix, seconds = true) {
  const at = new Date(1000 * unix);
  const time = at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", ...(seconds && { second: "2-digit" }) });
  if (at.toDateString() === new Date().toDateString()) return time;
  return `${at.toLocaleDateString([], { weekday: "short", day: "numeric", month: "short" })}, ${time}`;
}

const REASONS = {
  constant: "one and the same value comes, over and over: look at cable, switch and gain",
  "not finite": "what comes are no numbers: a fault of the card or the stream",
  black: "the picture is black: look at light, lid and exposure",
  covered: "the picture is of one colour: look at the lens",
  frozen: "the picture stands still to the last bit: start the camera again",
  "nothing came": "nothing came from it for a while: look at the recorder",
};

/** Why a stream is not heard. */
export function reason(said) {
  return said ? REASONS[said] ?? said : "";
}
