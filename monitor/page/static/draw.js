// The two strips of a stream, over the same seconds: what was heard, and how strange that was.

const PALETTE = [[0, 0, 4], [28, 16, 68], [79, 18, 123], [129, 37, 129], [181, 54, 122], [229, 80, 100], [251, 135, 97], [254, 194, 135], [252, 253, 191]];
const COLOURS = Uint32Array.from({ length: 256 }, (_, at) => {
  const place = (at / 255) * (PALETTE.length - 1);
  const low = Math.min(Math.floor(place), PALETTE.length - 2);
  const [r, g, b] = PALETTE[low].map((each, i) => Math.round(each + (PALETTE[low + 1][i] - each) * (place - low)));
  return (255 << 24) | (b << 16) | (g << 8) | r;
});
const LEAST = 77; // of 255, which are 100 dB
const TICKS_HZ = [100, 1000, 4000, 10000];

/** A canvas as large as it is shown. */
function fitted(canvas) {
  const scale = window.devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight].map((each) => Math.max(1, Math.round(each * scale)));
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, width, height);
  context.font = `${11 * scale}px system-ui, sans-serif`;
  return { context, width, height, scale };
}

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** How high a frequency lies, as a share of the bands. */
function share(edges, hz) {
  const above = edges.findIndex((each) => each >= hz);
  if (above <= 0) return above === 0 ? 0 : 1;
  return (above - 1 + (hz - edges[above - 1]) / (edges[above] - edges[above - 1])) / (edges.length - 1);
}

/** What is shown darkest and brightest: nearly the faintest and the loudest, but never so near that noise is a pattern. */
function range(columns) {
  const counts = new Uint32Array(256);
  for (const { bands } of columns) for (const each of bands) counts[each]++;
  const all = counts.reduce((sum, each) => sum + each);
  const quantile = (part) => {
    let sum = 0;
    return counts.findIndex((each) => (sum += each) >= part * all);
  };
  const loud = Math.max(quantile(0.999), LEAST);
  return [Math.min(quantile(0.05), loud - LEAST), loud];
}

/** Columns `[{end_unix, bands}]` over the last seconds, and the events among them. */
export function sound(canvas, { columns, column_s, edges, to, seconds, events }) {
  const { context, width, height, scale } = fitted(canvas);
  if (!columns.length) return;
  const bands = columns[0].bands.length;
  const count = Math.round(seconds / column_s);
  const [faint, loud] = range(columns);
  const picture = new ImageData(count, bands);
  const pixels = new Uint32Array(picture.data.buffer);
  for (const { end_unix, bands: column } of columns) {
    const x = count - 1 - Math.round((to - end_unix) / column_s);
    if (x < 0 || x >= count) continue;
    for (let band = 0; band < bands; band++) pixels[(bands - 1 - band) * count + x] = COLOURS[Math.max(0, Math.min(255, Math.round((255 * (column[band] - faint)) / (loud - faint))))];
  }
  const small = new OffscreenCanvas(count, bands);
  small.getContext("2d").putImageData(picture, 0, 0);
  context.imageSmoothingEnabled = false;
  context.drawImage(small, 0, 0, width, height);
  const across = (unix) => width * (1 - (to - unix) / seconds);
  const down = (hz) => height * (1 - share(edges, hz));
  context.lineWidth = 2 * scale;
  context.strokeStyle = "#22e6e6";
  for (const { start_unix, end_unix, where } of events) {
    const [left, right] = [across(start_unix), across(end_unix)];
    if (right > 0 && "low_hz" in where) {
      const [top, bottom] = [Math.max(down(where.high_hz), scale), Math.min(down(where.low_hz), height - scale)];
      context.strokeRect(left, top, Math.max(right - left, 3 * scale), Math.max(bottom - top, 3 * scale));
    }
  }
  for (const hz of TICKS_HZ.filter((each) => each < 0.9 * edges.at(-1))) {
    const text = hz >= 1000 ? `${hz / 1000} kHz` : `${hz} Hz`;
    const y = down(hz);
    context.fillStyle = "rgba(0, 0, 0, .55)";
    context.fillRect(0, y - 7 * scale, context.measureText(text).width + 12 * scale, 14 * scale);
    context.fillStyle = "#fff";
    context.fillText(text, 8 * scale, y + 4 * scale);
    context.fillRect(0, y, 5 * scale, scale);
  }
}

/** Scores `[{at_unix, score}]` over the last seconds, with the alarm level. */
export function score(canvas, { readings, threshold, to, seconds }) {
  const { context, width, height, scale } = fitted(canvas);
  const known = readings.filter((each) => each.score !== null && each.at_unix > to - seconds - 1);
  // Near the alarm level as it is, and far above it closer together.
  const bend = (value) => Math.asinh(value / (threshold || 4));
  const top = 1.15 * Math.max(bend(1.8 * (threshold || 4)), ...known.map((each) => bend(each.score)));
  const bottom = Math.min(-0.3, ...known.map((each) => bend(each.score)));
  const across = (unix) => width * (1 - (to - unix) / seconds);
  const down = (value) => height * (1 - (bend(value) - bottom) / (top - bottom));
  context.fillStyle = colour("--grid");
  context.fillRect(0, down(0), width, scale);
  const trace = () => {
    context.beginPath();
    known.forEach(({ at_unix, score: value }, i) => (i ? context.lineTo : context.moveTo).call(context, across(at_unix), down(value)));
  };
  context.lineJoin = "round";
  context.lineWidth = 2 * scale;
  context.strokeStyle = colour("--curve");
  trace();
  context.stroke();
  if (threshold === undefined || threshold === null) return;
  const level = down(threshold);
  context.save();
  context.beginPath();
  context.rect(0, 0, width, level);
  context.clip();
  context.strokeStyle = context.fillStyle = colour("--bad");
  trace();
  context.stroke();
  context.restore();
  context.strokeStyle = context.fillStyle = colour("--bad");
  context.setLineDash([5 * scale, 4 * scale]);
  context.lineWidth = scale;
  context.beginPath();
  context.moveTo(0, level);
  context.lineTo(width, level);
  context.stroke();
  context.setLineDash([]);
  context.textAlign = "right";
  context.lineWidth = 4 * scale; // a rim, where the curve passes behind the words
  context.strokeStyle = colour("--card");
  context.strokeText("alarm level", width - 4 * scale, level - 4 * scale);
  context.fillText("alarm level", width - 4 * scale, level - 4 * scale);
}
