// The recording as a picture: boxes, edges, and what flies along them.

import { calm, h, button, replace, s, set } from "./dom";
import type { Numbers, Run } from "./data";
import { folded, type Fold, type Folded } from "./fold";
import { entries, show } from "./format";
import { laidOut, type Box, type Layout } from "./layout";
import { flow, subject, type Moment, type State } from "./timeline";

const ROOM = 16;
const SMALLEST = 0.85;
const LARGEST = 1.35;
const LOWEST = 240;
const TALLEST = 560;
/** Graphs with more boxes keep their layout when the numbers change. */
const REDRAWN = 80;
const FLIGHT = 750;

interface Drawn {
  group: SVGGElement;
  name: SVGTextElement;
  expression: SVGTextElement;
  value: SVGTextElement;
  gradient: SVGTextElement;
  title: SVGTitleElement;
  box: Box;
}

export class GraphView {
  readonly element = h("div", { class: "graph" });
  readonly tools = [
    button("+", () => this.zoom(1.25), { "aria-label": "Zoom in" }),
    button("\u2212", () => this.zoom(0.8), { "aria-label": "Zoom out" }),
    button("Fit", () => this.fit(0), { "aria-label": "Fit the graph into its frame" }),
  ];
  private readonly picture = s("svg", { role: "img", "aria-label": "The recording as a graph" });
  private readonly scene = s("g", { class: "scene" });
  private readonly flights = s("g", { class: "flights" });
  private folds: Folded;
  private drawn: Drawn[] = [];
  private edges = new Map<string, SVGPathElement>();
  private layout: Layout = { boxes: [], edges: new Map(), width: 1, height: 1 };
  private view = { x: 0, y: 0, k: 1 };
  private size = { width: 0, height: 0 };
  private last: [Numbers, State, Moment] | null = null;
  private flight = 0;

  constructor(
    private readonly run: Run,
    private fold: Fold,
    private readonly pick: (vertex: number) => void,
  ) {
    this.folds = folded(run, fold);
    this.picture.append(this.scene);
    this.element.append(this.picture);
    this.listen();
  }

  setFold(fold: Fold): void {
    this.fold = fold;
    this.folds = folded(this.run, fold);
    this.draw();
  }

  /** Lay out and draw anew, for the numbers last shown. */
  draw(): void {
    if (!this.size.width || !this.last) return;
    const [numbers, state, moment] = this.last;
    this.layout = laidOut(this.run, this.folds, numbers, this.size);
    this.fitHeight();
    this.edges.clear();
    const lines = s("g", { class: "edges" });
    for (const [key, points] of this.layout.edges) {
      const path = s("path", { d: points, class: "edge", "marker-end": "url(#arrow)" });
      this.edges.set(key, path);
      lines.append(path);
    }
    this.drawn = this.layout.boxes.map((box, i) => this.drawBox(box, i));
    const arrow = s("marker", {
      id: "arrow", viewBox: "0 0 8 8", refX: 7.5, refY: 4, markerWidth: 10, markerHeight: 10,
      markerUnits: "userSpaceOnUse", orient: "auto",
    }, s("path", { d: "M0,0.8 L7.5,4 L0,7.2 z" }));
    replace(this.flights);
    replace(this.scene, s("defs", {}, arrow), lines, ...this.drawn.map((d) => d.group), this.flights);
    this.fit();
    this.update(numbers, state, moment);
  }

  private drawBox(box: Box, index: number): Drawn {
    const members = this.folds.groups[index]!.members;
    const v = this.run.vertices[members[0]!]!;
    const kinds = ["box"];
    if (v.rule == null) kinds.push("input");
    if (members.includes(this.run.result ?? -1)) kinds.push("result");
    if (!v.used && this.run.result != null) kinds.push("unused");
    const made: Drawn = {
      group: s("g", { class: kinds.join(" "), transform: `translate(${box.x} ${box.y})` }),
      name: s("text", { x: 10, y: 19, class: "name" }),
      expression: s("text", { x: box.width - 10, y: 19, class: "expression" }),
      value: s("text", { x: 10, y: 39, class: "value" }),
      gradient: s("text", { x: box.width - 10, y: 39, class: "gradient" }),
      title: s("title"),
      box,
    };
    const corner = v.rule == null ? 14 : 5;
    made.group.append(
      made.title,
      s("rect", { width: box.width, height: box.height, rx: corner }),
      made.name, made.expression, made.value, made.gradient,
    );
    made.group.addEventListener("click", () => {
      if (!this.dragged) this.pick(this.shownMember(index));
    });
    return made;
  }

  /** The member of a box that it shows: the one touched last. */
  private shownMember(index: number): number {
    const members = this.folds.groups[index]!.members;
    if (members.length === 1 || !this.last) return members[0]!;
    const [numbers, state, moment] = this.last;
    const now = subject(this.run, numbers, moment);
    if (now != null && members.includes(now)) return now;
    const swept = members.filter((i) => state.sums.has(i));
    if (swept.length) return this.run.mode === "forward" ? swept.at(-1)! : swept[0]!;
    return members.filter((i) => state.known.has(i)).at(-1) ?? members[0]!;
  }

  update(numbers: Numbers, state: State, moment: Moment): void {
    const anew = this.last !== null && this.last[0] !== numbers;
    this.last = [numbers, state, moment];
    if (!this.drawn.length || (anew && this.drawn.length <= REDRAWN)) return this.draw();
    const now = subject(this.run, numbers, moment);
    const warned = new Set(
      numbers.warnings.filter((w) => w.kind !== "zero").map((w) => this.folds.groupOf[w.vertex]),
    );
    this.drawn.forEach((d, index) => {
      const members = this.folds.groups[index]!.members;
      const shown = this.shownMember(index);
      const v = this.run.vertices[shown]!;
      const known = state.known.has(shown);
      const sum = state.sums.get(shown);
      const repeat = members.length > 1 ? ` \u00d7${members.length}` : "";
      d.name.textContent = d.box.fit(v.name, "name");
      d.expression.textContent = v.rule == null
        ? (this.run.inputs.includes(shown) ? "input" : "constant")
        : d.box.fit(v.expression, "expression", v.name + repeat) + repeat;
      d.value.textContent = known ? d.box.fit(show(numbers.values[shown]), "value") : "";
      d.gradient.textContent = sum ? `\u2202 ${d.box.fit(show(sum.total), "value")}` : "";
      d.title.textContent = `${v.name} = ${v.expression}\n${entries(numbers.values[shown])}`;
      const on = (name: string, is: boolean): boolean => d.group.classList.toggle(name, is);
      on("known", known);
      on("current", now != null && members.includes(now));
      on("summed", sum !== undefined);
      on("ready", members.some((i) => state.ready.includes(i)));
      on("warned", warned.has(index));
    });
    this.light(numbers, moment);
    if (now != null) this.bringIntoView(this.folds.groupOf[now]!);
  }

  // ------------------------------------------------------------ what flies

  private light(numbers: Numbers, moment: Moment): void {
    for (const path of this.edges.values()) path.classList.remove("lit", "back");
    for (const { key, backward } of this.carriers(numbers, moment)) {
      this.edges.get(key)?.classList.add("lit");
      if (backward) this.edges.get(key)?.classList.add("back");
    }
  }

  private edgeKey(vertex: number, position: number, operand: number): string {
    if (this.fold === "none") return `${vertex}:${position}`;
    return `${this.folds.groupOf[operand]}-${this.folds.groupOf[vertex]}`;
  }

  private carriers(numbers: Numbers, moment: Moment): {
    key: string; backward: boolean; swept: boolean; text: string; to: number;
  }[] {
    if (moment.kind === "forward") {
      return this.run.vertices[moment.vertex]!.operands.flatMap((x, position) =>
        "vertex" in x
          ? [{
              key: this.edgeKey(moment.vertex, position, x.vertex),
              backward: false, swept: false,
              text: show(numbers.values[x.vertex]), to: moment.vertex,
            }]
          : [],
      );
    }
    if (moment.kind !== "flow") return [];
    const step = numbers.steps[moment.step]!;
    const c = step.contributions[moment.part]!;
    const [, to] = flow(this.run, step, c);
    const key = this.edgeKey(step.vertex, c.position, c.operand);
    return [{ key, backward: to === c.operand, swept: true, text: show(c.amount), to }];
  }

  /** Let the numbers of a moment fly to where they go. */
  fly(numbers: Numbers, moment: Moment): void {
    replace(this.flights);
    const flight = ++this.flight;
    if (calm()) return;
    for (const carrier of this.carriers(numbers, moment)) {
      const path = this.edges.get(carrier.key);
      if (!path) continue;
      const text = carrier.text.length > 14 ? "[\u2026]" : carrier.text;
      const width = 14 + 7.4 * text.length;
      const pill = s("g", { class: carrier.swept ? "pill swept" : "pill" },
        s("rect", { x: -width / 2, y: -11, width, height: 22, rx: 11 }),
        s("text", { "text-anchor": "middle", y: 4 }, text));
      this.flights.append(pill);
      this.move(pill, path, carrier.backward, flight);
    }
  }

  private move(pill: SVGGElement, path: SVGPathElement, backward: boolean, flight: number): void {
    const length = path.getTotalLength();
    const began = performance.now();
    const frame = (now: number): void => {
      const t = Math.min(1, Math.max(0, (now - began) / FLIGHT));
      if (t >= 1 || flight !== this.flight) {
        pill.remove();
        return;
      }
      const eased = t < 0.5 ? 2 * t * t : 1 - 2 * (1 - t) * (1 - t);
      const at = path.getPointAtLength((backward ? 1 - eased : eased) * length);
      set(pill, "transform", `translate(${at.x} ${at.y})`);
      requestAnimationFrame(frame);
    };
    frame(began);
  }

  // ------------------------------------------------------------ pan and zoom

  /** Make the frame no higher than the graph needs. */
  private fitHeight(): void {
    const room = 2 * ROOM;
    const k = Math.min(LARGEST, (this.size.width - room) / this.layout.width);
    const wanted = this.layout.height * Math.max(k, SMALLEST) + room;
    const most = Math.min(TALLEST, Math.max(LOWEST, 0.55 * innerHeight));
    this.size.height = Math.round(Math.min(most, Math.max(LOWEST, wanted)));
    this.picture.style.height = `${this.size.height}px`;
  }

  private fit(smallest = SMALLEST): void {
    const { width, height } = this.size;
    const room = 2 * ROOM;
    const k = Math.min(
      (width - room) / this.layout.width, (height - room) / this.layout.height, LARGEST,
    );
    this.view.k = Math.max(k, smallest);
    this.view.x = Math.max(ROOM, (width - this.layout.width * this.view.k) / 2);
    this.view.y = Math.max(ROOM, (height - this.layout.height * this.view.k) / 2);
    this.place();
    const now = this.last && subject(this.run, this.last[0], this.last[2]);
    if (now != null && smallest) this.bringIntoView(this.folds.groupOf[now]!);
  }

  private zoom(by: number): void {
    const k = Math.min(3, Math.max(0.1, this.view.k * by));
    const [cx, cy] = [this.size.width / 2, this.size.height / 2];
    this.view.x = cx - ((cx - this.view.x) * k) / this.view.k;
    this.view.y = cy - ((cy - this.view.y) * k) / this.view.k;
    this.view.k = k;
    this.place();
  }

  private bringIntoView(index: number): void {
    const box = this.layout.boxes[index];
    if (!box) return;
    const { k } = this.view;
    const inside = (start: number, length: number, offset: number, room: number): number => {
      const from = start * k + offset;
      if (from >= ROOM / 2 && from + length * k <= room - ROOM / 2) return offset;
      return room / 2 - (start + length / 2) * k;
    };
    this.view.x = inside(box.x, box.width, this.view.x, this.size.width);
    this.view.y = inside(box.y, box.height, this.view.y, this.size.height);
    this.place();
  }

  private place(): void {
    const { x, y, k } = this.view;
    set(this.scene, "transform", `translate(${x} ${y}) scale(${k})`);
  }

  private dragged = false;

  private listen(): void {
    let from: { x: number; y: number } | null = null;
    this.picture.addEventListener("pointerdown", (event) => {
      from = { x: event.clientX, y: event.clientY };
      this.dragged = false;
    });
    this.picture.addEventListener("pointermove", (event) => {
      if (!from || !event.buttons) return;
      const [dx, dy] = [event.clientX - from.x, event.clientY - from.y];
      if (!this.dragged && Math.hypot(dx, dy) < 4) return;
      this.dragged = true;
      this.view.x += dx;
      this.view.y += dy;
      from = { x: event.clientX, y: event.clientY };
      this.place();
    });
    this.picture.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      this.zoom(event.deltaY < 0 ? 1.1 : 0.9);
    }, { passive: false });
    new ResizeObserver(() => {
      const width = this.picture.clientWidth;
      if (width === this.size.width) return;
      this.size = { width, height: TALLEST };
      this.draw();
    }).observe(this.picture);
  }
}
