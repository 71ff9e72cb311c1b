// One stream: its state, what was heard, how strange that was, and what can be changed.

import { score, sound } from "./draw.js";
import { command, make, put } from "./make.js";
import { clock, number, reason, stretch } from "./words.js";

const LATE_S = 6;
const SILENCES = [["15 minutes", 15], ["1 hour", 60], ["8 hours", 480], ["1 day", 1440]];

/** What is said of a stream: word, kind of word, and more. */
function said(state) {
  const why = reason(state.reason);
  const heard = state.kind === "image" ? "seen" : "heard";
  switch (state.status) {
    case "starting":
      return ["Starting", "wait", state.kind ? `nothing has come from it yet${why && `: ${why}`}` : "its model is being loaded"];
    case "learning":
      return ["Learning", "wait", `it is ${heard}, and not judged before it has learned what is normal here`];
    case "no_signal":
      return ["No signal", "wait", why];
    case "offline":
      return ["Offline", "wait", why ? `${why}; it is tried again` : "it has ended, or is not there"];
    case "disabled":
      return ["Switched off", "", `it is ${heard}, and not judged`];
  }
  if (state.muted) return ["Muted", "", silent(state) ? `no events are told until ${clock(state.silent_until_unix, false)}` : "quiet hours: no events are told"];
  return state.open ? ["Not normal", "bad", ""] : ["Normal", "good", ""];
}

function silent(state) {
  return 1000 * state.silent_until_unix > Date.now();
}

export class Card {
  constructor(name, seconds) {
    this.name = name;
    this.seconds = seconds;
    this.seen_ms = 0;
    this.known = true;
    this.columns = [];
    this.readings = [];
    this.state = {};
    this.pill = make("span", { className: "pill" });
    this.why = make("p", { className: "why" });
    this.strength = make("span", { textContent: "level" });
    this.level = make("b");
    this.now = make("b");
    this.limit = make("span");
    this.late = make("span", { className: "late" });
    this.again = make("button", { type: "button", textContent: "Tell events again", hidden: true });
    this.sound = make("canvas", { className: "sound", hidden: true, role: "img", ariaLabel: `What was heard on ${name}, low to high` });
    this.frame = make("img", { className: "frame", hidden: true, alt: `What is seen on ${name}` });
    this.score = make("canvas", { className: "score", hidden: true, role: "img", ariaLabel: `How strange it was on ${name}` });
    this.legend = make("p", { className: "legend", hidden: true }, make("span", { textContent: `${seconds} s ago` }), make("span", { textContent: "now" }));
    this.answer = make("p", { className: "said", role: "status" });
    this.element = make("article", { className: "card", data: { stream: name } },
      make("div", { className: "head" }, make("h3", { textContent: name }), this.pill, this.again),
      this.why,
      make("p", { className: "numbers" }, make("span", {}, this.strength, " ", this.level), make("span", {}, "score ", this.now), this.limit, this.late),
      this.sound, this.frame, this.score, this.legend,
      this.#settings());
    this.again.onclick = () => this.#command("silence_min", 0, this.again);
  }

  #settings() {
    this.rate = make("input", { type: "number", min: 0.01, max: 1000, step: "any", required: true, id: `rate-${this.name}` });
    this.silence = make("select", { id: `silence-${this.name}` }, ...SILENCES.map(([text, value]) => make("option", { textContent: text, value })));
    this.power = make("button", { type: "button", className: "quiet" });
    const rate = make("form", { className: "row" }, make("label", { htmlFor: this.rate.id, textContent: "False alarms accepted a day" }), this.rate, make("button", { textContent: "Set" }));
    const silence = make("form", { className: "row" }, make("label", { htmlFor: this.silence.id, textContent: "Tell no events for" }), this.silence, make("button", { textContent: "Silence" }));
    rate.onsubmit = (event) => this.#submit(event, "false_alarms_per_day", this.rate.value);
    silence.onsubmit = (event) => this.#submit(event, "silence_min", this.silence.value);
    this.power.onclick = () => this.#command("enabled", this.state.enabled ? "OFF" : "ON", this.power);
    return make("details", {}, make("summary", { textContent: "Settings" }),
      rate, make("p", { className: "small", textContent: "More: smaller things are told as well. Fewer: only what is very strange." }),
      silence, make("div", { className: "row" }, this.power), this.answer);
  }

  #submit(event, name, value) {
    event.preventDefault();
    this.#command(name, value, event.submitter);
  }

  async #command(name, value, button) {
    button.disabled = true;
    const wrong = await command(this.name, name, value);
    button.disabled = false;
    this.answer.classList.toggle("wrong", Boolean(wrong));
    put(this.answer, wrong || "Taken. It stays so, also after a restart.");
  }

  /** Takes in what there is to see; `whole` if that is everything. */
  take(part, whole) {
    this.known = true;
    if (whole) [this.columns, this.readings] = [[], []];
    if (part.state) this.#shows(part.state);
    const { at_unix = [], score: scores, level_dbfs, p_value } = part.readings ?? {};
    at_unix.forEach((at, i) => this.readings.push({ at_unix: at, score: scores[i], level: level_dbfs[i], p: p_value[i] }));
    if (part.columns) this.#hears(part.columns);
    if (part.frame !== undefined) this.#sees(part.frame);
    const oldest = this.to - this.seconds - 2;
    this.readings = this.readings.filter((each, i, all) => each.at_unix > oldest || i === all.length - 1);
    this.columns = this.columns.filter((each) => each.end_unix > oldest);
    this.#numbers();
  }

  /** Nobody says any more how it is. */
  lost() {
    this.known = false;
    this.refresh();
  }

  /** The latest time of which there is something. */
  get to() {
    return Math.max(this.columns.at(-1)?.end_unix ?? 0, this.readings.at(-1)?.at_unix ?? 0);
  }

  draw(events) {
    const view = { to: this.to, seconds: this.seconds };
    if (this.columns.length) sound(this.sound, { ...view, columns: this.columns, column_s: this.column_s, edges: this.state.edges_hz, events });
    if (this.readings.length) score(this.score, { ...view, readings: this.readings, threshold: this.state.threshold });
  }

  #shows(state) {
    const before = this.state;
    this.state = state;
    this.refresh();
    this.again.hidden = !silent(state);
    if (state.per_day !== before.per_day && document.activeElement !== this.rate) this.rate.value = state.per_day;
    put(this.power, state.enabled ? "Switch judging off" : "Switch judging on");
  }

  /** Says how it is, which the clock may have changed. */
  refresh() {
    const [word, kind, more] = this.known ? said(this.state) : ["Not known", "", "the daemon does not answer"];
    put(this.pill, word);
    this.pill.className = `pill ${kind}`;
    put(this.why, more);
    this.element.classList.toggle("open", word === "Not normal");
  }

  /** A picture a second is enough to see that it goes on. */
  #sees(index) {
    if (Date.now() - this.seen_ms < 1000) return;
    this.seen_ms = Date.now();
    Object.assign(this.frame, { src: `/frame/${this.name}?${index}`, hidden: false });
  }

  #hears({ end_unix, column_s, n, data }) {
    const bytes = Uint8Array.from(atob(data), (each) => each.charCodeAt(0));
    const bands = bytes.length / n;
    this.column_s = column_s;
    for (let i = 0; i < n; i++) this.columns.push({ end_unix: end_unix - (n - 1 - i) * column_s, bands: bytes.subarray(i * bands, (i + 1) * bands) });
  }

  #numbers() {
    const last = this.readings.at(-1);
    this.sound.hidden = !this.columns.length;
    this.score.hidden = this.legend.hidden = !last;
    const picture = this.state.kind === "image";
    put(this.strength, picture ? "brightness" : "level");
    put(this.level, last ? (picture ? `${Math.round(100 * 10 ** (last.level / 20))} %` : `${number(last.level)} dBFS`) : "–");
    put(this.now, last ? number(last.score) : "–");
    put(this.limit, last ? `alarm at ${number(this.state.threshold)}` : "");
    const late_s = last && this.columns.length ? this.to - last.at_unix : 0;
    put(this.late, late_s > LATE_S ? `judging is ${stretch(late_s)} behind` : "");
  }
}
