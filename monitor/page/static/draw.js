// The two strips of a stream, over the same seconds: what was heard, and how strange that was.

const PALETTE = [[0, 0, 4], [28, 16, 68], [79, 18, 123], [129, 37, 129], [181, 54, 122], [229, 80, 100], [251, 135, 97], [254, 194, 135], [252, 253, 191]];
const COLOURS = Uint32Array.from({ length: 256 }, (_, at) => {
  const place = (at / 255) * (PALETTE.length - 1);
  const low = Math.min(Math.floor(place), PALETTE.length - 2);
  const [r, g, b] = PALETTE[low].map((each, i) => Math.round(each + (PALETTE[low + 1][i] - each) * (place - low)));
  return (255 << 24) | (b << 16) | (g << 8) | r;
});
const NOTHING = "#050310"; // of which nothing was heard
const LEAST = 77; // of 255, which are 100 dB
const TICKS_HZ = [100, 1000, 4000, 10000];

/** A canvas as large as it is shown. Words go beside what is drawn: upon it they would hide what somebody looks for. */
function fitted(canvas) {
  const scale = window.devicePixelRatio || 1;
  const [whole, height] = [canvas.clientWidth, canvas.clientHeight].map((each) => Math.max(1, Math.round(each * scale)));
  if (canvas.width !== whole || canvas.height !== height) Object.assign(canvas, { width: whole, height });
  const beside = Math.round(parseFloat(style("--beside")) * scale);
  const width = Math.max(1, whole - beside);
  const context = canvas.getContext("2d");
  context.resetTransform();
  context.clearRect(0, 0, whole, height);
  context.translate(beside, 0);
  context.font = `${11 * scale}px system-ui, sans-serif`;
  context.textAlign = "right";
  context.textBaseline = "middle";
  /** Says what lies so far down. */
  const words = (text, y, ink) => {
    context.fillStyle = style(ink);
    context.fillText(text, -7 * scale, Math.max(6 * scale, Math.min(y, height - 6 * scale)));
    context.fillRect(-5 * scale, Math.min(y, height - scale), 4 * scale, scale);
  };
  /** Draws nothing but what lies within. */
  const within = (draw) => {
    context.save();
    context.beginPath();
    context.rect(0, 0, width, height);
    context.clip();
    draw();
    context.restore();
  };
  return { context, width, height, scale, words, within };
}

function style(name) {
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
  const { context, width, height, scale, words, within } = fitted(canvas);
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
  context.fillStyle = NOTHING;
  context.fillRect(0, 0, width, height);
  context.imageSmoothingEnabled = false;
  context.drawImage(small, 0, 0, width, height);
  const across = (unix) => width * (1 - (to - unix) / seconds);
  const down = (hz) => height * (1 - share(edges, hz));
  context.lineWidth = 2 * scale;
  context.strokeStyle = "#22e6e6";
  within(() => {
    for (const { start_unix, end_unix, where } of events) {
      const [left, right] = [across(start_unix), across(end_unix)];
      if (right > 0 && "low_hz" in where) {
        const [top, bottom] = [Math.max(down(where.high_hz), scale), Math.min(down(where.low_hz), height - scale)];
        context.strokeRect(left, top, Math.max(right - left, 3 * scale), Math.max(bottom - top, 3 * scale));
      }
    }
  });
  for (const hz of TICKS_HZ.filter((each) => each < 0.9 * edges.at(-1))) words(hz >= 1000 ? `${hz / 1000} kHz` : `${hz} Hz`, down(hz), "--faint");
}

/** Scores `[{at_unix, score}]` over the last seconds, with the alarm level. */
export function score(canvas, { readings, threshold, to, seconds }) {
  const { context, width, height, scale, words, within } = fitted(canvas);
  const known = readings.filter((each) => each.score !== null && each.at_unix > to - seconds - 1);
  // Near the alarm level as it is, and far above it closer together.
  const bend = (value) => Math.asinh(value / (threshold || 4));
  const top = 1.15 * Math.max(bend(1.8 * (threshold || 4)), ...known.map((each) => bend(each.score)));
  const bottom = Math.min(-0.3, ...known.map((each) => bend(each.score)));
  const across = (unix) => width * (1 - (to - unix) / seconds);
  const down = (value) => height * (1 - (bend(value) - bottom) / (top - bottom));
  context.fillStyle = style("--grid");
  context.fillRect(0, down(0), width, scale);
  const trace = (ink) => {
    context.strokeStyle = style(ink);
    context.beginPath();
    known.forEach(({ at_unix, score: value }, i) => (i ? context.lineTo : context.moveTo).call(context, across(at_unix), down(value)));
    context.stroke();
  };
  context.lineJoin = "round";
  context.lineWidth = 2 * scale;
  within(() => trace("--curve"));
  if (threshold === undefined || threshold === null) return;
  const level = down(threshold);
  within(() => {
    context.beginPath();
    context.rect(0, 0, width, level);
    context.clip();
    trace("--bad");
  });
  words("alarm", level, "--bad");
  context.strokeStyle = style("--bad");
  context.setLineDash([5 * scale, 4 * scale]);
  context.lineWidth = scale;
  context.beginPath();
  context.moveTo(0, level);
  context.lineTo(width, level);
  context.stroke();
  context.setLineDash([]);
}
