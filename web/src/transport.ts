// Stepping through a run: a slider, buttons, keys, and playing by itself.

import { button, h, on, s, set } from "./dom";
import { max, min } from "./maths";

const BEAT = 1300;

function icon(path: string): SVGSVGElement {
  return s("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" }, s("path", { d: path }));
}

function help(): HTMLElement {
  const keys = [["\u2190 \u2192", "step"], ["Home End", "start and end"], ["Space", "play"]];
  return h("span.help",
    ...keys.map(([key, what]) => h("span", h("kbd", key!), ` ${what}`)));
}

export class Transport {
  readonly element = h("section.transport", { "aria-label": "Steps" });
  readonly #slider = h("input", {
    type: "range", min: 0, max: 0, value: 0, step: 1, id: "step", "aria-label": "Step",
  });
  readonly #track = h("div.track");
  readonly #place = h("output.place", { for: "step" });
  readonly #keys: Record<"first" | "back" | "play" | "next" | "last", HTMLButtonElement>;
  readonly #speed = h("select", { "aria-label": "Speed" },
    h("option", { value: "2" }, "slow"),
    h("option", { value: "1", selected: true }, "normal"),
    h("option", { value: "0.4" }, "fast"));
  #timer = 0;
  #now = 0;
  #last = 0;

  constructor(private readonly go: (to: number, playing: boolean) => boolean) {
    this.#keys = {
      first: button(icon("M3,2h2v12h-2z M14,2v12l-8,-6z"), () => this.#to(0), { "aria-label": "To the start", id: "first" }),
      back: button(icon("M12,2v12l-9,-6z"), () => this.#to(this.#now - 1), { "aria-label": "Step back", id: "back" }),
      play: button("Play", () => this.toggle(), { class: "main", id: "play" }),
      next: button(icon("M4,2v12l9,-6z"), () => this.#to(this.#now + 1), { "aria-label": "Step on", id: "next" }),
      last: button(icon("M11,2h2v12h-2z M2,2v12l8,-6z"), () => this.#to(this.#last), { "aria-label": "To the end", id: "last" }),
    };
    on(this.#slider, "input", () => {
      this.pause();
      this.go(this.#slider.valueAsNumber, false);
    });
    const { first, back, play, next, last } = this.#keys;
    this.element.append(
      h("div.buttons", first, back, play, next, last, this.#speed),
      h("div.sliding", this.#track, this.#slider),
      h("p.below", this.#place, help()));
    on(document, "keydown", (event) => this.#key(event));
  }

  /** Show where the run is; `sweep` is the step with which the sweep begins. */
  show(now: number, last: number, sweep: number, words: string): void {
    this.#now = now;
    this.#last = last;
    this.#slider.max = String(last);
    this.#slider.valueAsNumber = now;
    set(this.#slider, "aria-valuetext", words);
    this.#place.textContent = words;
    const share = sweep < 0 || last === 0 ? 100 : (100 * sweep) / last;
    this.#track.style.setProperty("--sweep", `${share}%`);
    this.#keys.back.disabled = this.#keys.first.disabled = now === 0;
    this.#keys.next.disabled = this.#keys.last.disabled = now === last;
    if (now === last) this.pause();
  }

  #to(step: number): void {
    this.pause();
    this.#move(step, false);
  }

  #move(step: number, playing: boolean): boolean {
    const held = document.activeElement;
    const moved = this.go(min(this.#last, max(0, step)), playing);
    if (held instanceof HTMLButtonElement && held.disabled) this.#keys.play.focus();
    return moved;
  }

  toggle(): void {
    if (this.#timer) return this.pause();
    if (this.#now === this.#last) this.#move(0, true);
    this.#keys.play.textContent = "Pause";
    const beat = (): void => {
      if (!this.#move(this.#now + 1, true)) return this.pause();
      if (this.#now < this.#last) this.#timer = setTimeout(beat, BEAT * Number(this.#speed.value));
    };
    this.#timer = setTimeout(beat, 150);
  }

  pause(): void {
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#keys.play.textContent = "Play";
  }

  #key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const target = event.target instanceof Element ? event.target : document.body;
    if (target.closest("input, select, textarea")) return;
    const moves: Record<string, () => void> = {
      ArrowRight: () => this.#to(this.#now + 1),
      ArrowLeft: () => this.#to(this.#now - 1),
      Home: () => this.#to(0),
      End: () => this.#to(this.#last),
    };
    if (event.key === " " && !target.closest("button, summary, a, [tabindex]")) {
      moves[" "] = () => this.toggle();
    }
    const move = moves[event.key];
    if (!move) return;
    event.preventDefault();
    move();
  }
}
