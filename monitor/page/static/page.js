// The page: hears from the daemon what goes on, and shows it. It comes back by itself when the daemon does.

import { Card } from "./card.js";
import { make, put } from "./make.js";
import { Told } from "./told.js";

const MOST = 100; // events
const SILENT_MS = 12_000; // the daemon gives a sign every five seconds
const HIDDEN_MS = 10_000;

const at = (id) => document.getElementById(id);
const cards = new Map();
const events = new Map();
let source = null, heard_ms = 0, tries = 0, version = null, hidden = 0;

function connect() {
  source?.close();
  heard_ms = Date.now();
  source = new EventSource("/live");
  source.addEventListener("all", (message) => take(JSON.parse(message.data), true));
  source.addEventListener("now", (message) => take(JSON.parse(message.data), false));
  source.onerror = lost;
}

function lost() {
  source?.close();
  source = null;
  say("lost", "no connection to the daemon, trying again");
  document.body.classList.add("lost-link");
  for (const card of cards.values()) card.lost();
  setTimeout(again, Math.min(1000 * 1.5 ** tries++, 8000));
}

/** Whether somebody answers, and whether we may look. */
async function again() {
  if (source || document.hidden) return;
  try {
    const answer = await fetch("/session", { cache: "no-store", signal: AbortSignal.timeout(5000) });
    if (answer.status === 401) location.reload();
    else if (answer.ok) connect();
    else lost();
  } catch {
    lost();
  }
}

function say(state, text) {
  at("link").className = `link ${state}`;
  put(at("link"), text);
}

function take(part, whole) {
  heard_ms = Date.now();
  if (whole) begin(part);
  for (const [name, each] of Object.entries(part.streams ?? {})) cards.get(name)?.take(each, whole);
  for (const event of part.events ?? []) tell(event);
  if (part.health) trouble(part.health);
  if (part.streams || part.events) draw();
}

function begin(part) {
  if (version && version !== part.version) location.reload();
  version = part.version;
  tries = 0;
  say("live", "live");
  document.body.classList.remove("lost-link");
  put(at("node"), part.node);
  put(at("version"), `diffmon ${part.version}`);
  at("leave").hidden = !part.guarded;
  if (String([...cards.keys()]) !== String(Object.keys(part.streams))) {
    cards.clear();
    for (const name of Object.keys(part.streams)) cards.set(name, new Card(name, part.shown_s));
    at("streams").replaceChildren(...[...cards.values()].map((card) => card.element));
  }
}

function tell(event) {
  const key = `${event.stream}/${event.id}`;
  const told = events.get(key) ?? new Told();
  const fresh = !events.has(key);
  events.set(key, told);
  told.take(event);
  if (fresh) place(told);
  at("none").hidden = true;
  while (events.size > MOST) forget();
}

/** Among the others, the latest first. */
function place(told) {
  const later = [...at("events").children].find((each) => Number(each.dataset.start) < told.event.start_unix);
  told.element.dataset.start = told.event.start_unix;
  at("events").insertBefore(told.element, later ?? null);
}

function forget() {
  const oldest = at("events").lastElementChild;
  oldest.remove();
  for (const [key, told] of events) if (told.element === oldest) events.delete(key);
}

function trouble(health) {
  const bad = health.filter((each) => each.status !== "ok");
  at("trouble").hidden = !bad.length;
  at("trouble").classList.toggle("failing", bad.some((each) => each.status === "failing" && !each.detail.startsWith("starting")));
  at("trouble").replaceChildren(...bad.map(({ part, detail }) => make("p", { textContent: `${part}: ${detail}` })));
}

function draw() {
  for (const [name, card] of cards) {
    card.draw([...events.values()].map((told) => told.event).filter((event) => event.stream === name && event.end_unix > card.to - card.seconds));
  }
  const open = [...cards.values()].filter((card) => card.element.classList.contains("open")).map((card) => card.name);
  document.title = open.length ? `Not normal: ${open.join(", ")}` : `diffmon ${at("node").textContent}`;
}

setInterval(() => {
  for (const card of cards.values()) card.refresh();
  if (source && Date.now() - heard_ms > SILENT_MS) lost();
}, 2000);

// Nobody looks at a page that is hidden; the daemon then has nothing to draw.
document.addEventListener("visibilitychange", () => {
  clearTimeout(hidden);
  if (!document.hidden && !source) again();
  if (document.hidden) hidden = setTimeout(() => { source?.close(); source = null; }, HIDDEN_MS);
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
addEventListener("resize", draw);
connect();
