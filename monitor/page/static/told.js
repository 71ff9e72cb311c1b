// One event: what was not normal, how rarely normal is like that, what was kept of it, and whether it was normal after all.

import { command, make, put } from "./make.js";
import { clock, number, place, stretch } from "./words.js";

const NOT_KEPT = {
  coming: "What is kept of it follows soon after its end.",
  nothing: "Nothing of it is there: the disk was full, or it has been deleted since.",
  off: "Nothing is kept of events: the configuration has no [evidence].",
};
const ENDS = { signal_lost: ", the signal was lost", interrupted: ", the daemon died", stopped: ", it was no longer watched" };
/** Once a player is seen, how long it plays is asked for. */
const seen = new IntersectionObserver((entries) => {
  for (const { target } of entries.filter((each) => each.isIntersecting)) {
    target.preload = "metadata";
    seen.unobserve(target);
  }
});
const PICTURES = [["picture", ""], ["frame", "what was seen"], ["reconstruction", "what normal would be"], ["overlay", "where they differ"]];

export class Told {
  constructor() {
    this.pill = make("span", { className: "pill" });
    this.time = make("time");
    this.what = make("p");
    this.rare = make("p", { className: "why" });
    this.media = make("div", { className: "media" });
    this.note = make("p", { className: "said", role: "status" });
    this.normal = make("button", { type: "button", className: "quiet", textContent: "This is normal" });
    this.stream = make("h3");
    this.element = make("article", { className: "card event" },
      make("div", { className: "head" }, this.stream, this.pill, this.time),
      this.what, this.rare,
      this.media, this.normal, this.note);
    this.shown = "";
    this.normal.onclick = () => this.#isNormal();
  }

  take(event) {
    this.event = event;
    const open = event.type !== "end";
    this.element.dataset.event = event.id;
    put(this.stream, event.stream);
    put(this.pill, open ? "going on" : "over");
    this.pill.className = `pill ${open ? "bad" : ""}`;
    put(this.time, clock(event.start_unix));
    this.time.dateTime = event.start;
    put(this.what, `${stretch(event.end_unix - event.start_unix)}, ${place(event.where)}${open ? "" : ENDS[event.reason] ?? ""}`);
    put(this.rare, `${event.rarity && `How rare: ${event.rarity}. `}Score ${number(event.peak_score)}; the alarm level was ${number(event.threshold)}.`);
    this.#shows(event);
    this.#marked(event);
  }

  /** What was kept, put anew only if there is more of it: somebody may be listening. */
  #shows({ files, kept, seq }) {
    const shown = JSON.stringify([files, kept, "frame" in files ? seq : 0]);
    if (shown === this.shown) return;
    this.shown = shown;
    const pictures = PICTURES.filter(([name]) => files[name]).map(([name, caption]) =>
      make("figure", {}, make("img", { loading: "lazy", src: `/evidence/${files[name]}?${seq}`, alt: caption || "What was heard, the event marked" }), make("figcaption", { textContent: caption })));
    const strip = make("div", { className: pictures.length > 1 ? "media three" : "" }, ...pictures);
    const player = this.media.querySelector("audio") ?? (files.audio && make("audio", { controls: true, preload: "none", src: `/evidence/${files.audio}` }));
    if (player) seen.observe(player);
    this.media.replaceChildren(...[pictures.length && strip, player, NOT_KEPT[kept] && make("p", { className: "small", textContent: NOT_KEPT[kept] })].filter(Boolean));
  }

  #marked({ marked, refused, kept, files }) {
    const can = "audio" in files || "frame" in files;
    this.normal.hidden = marked || !can || kept === "off";
    if (marked) put(this.note, "Kept as normal for the next calibration. Until then nothing changes.");
    else if (refused) put(this.note, `It could not be kept as normal: ${refused}`);
    this.note.classList.toggle("wrong", Boolean(refused) && !marked);
  }

  async #isNormal() {
    this.normal.disabled = true;
    const wrong = await command(this.event.stream, "mark_normal", this.event.id);
    this.normal.disabled = false;
    if (wrong) put(this.note, wrong);
  }
}
