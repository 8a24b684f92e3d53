// The recording as a picture: boxes, edges, and what flies along them.

import { receivers, sizeOf, sources, type Cell } from "./arrays";
import { BoxView, headOf, planned, type Plan } from "./boxes";
import { button, calm, h, on, replace, s, set } from "./dom";
import { isForward, operandsOf, type Numbers, type Run, type Value } from "./data";
import { byEdge, labelOf } from "./edges";
import { around, Overview, partOf } from "./focus";
import { folded, type Fold, type Folded } from "./fold";
import { entries, show } from "./format";
import { LABEL, laidOut, MANY, strip, type Layout } from "./layout";
import { widthOf } from "./text";
import { flow, subject, type Moment, type State } from "./timeline";
import { reachable, walkable } from "./walk";
import { entryName } from "./words";
import { ceil, max, min, round } from "./maths";

const ROOM = 14;
/** At this scale the smallest letters are still 12 pixels high. */
const SMALLEST = 0.93;
const LARGEST = 1.35;
/** Folded loops with more edges have no labels, which would be in each other's way. */
const LABELLED = 24;
const LOWEST = 200;
/** Graphs have at least this height, in windows that are lower too. */
const LOWER = 360;
const FLIGHT = 750;

interface DrawnEdge {
  path: SVGPathElement;
  label: SVGTextElement;
  /** What keeps the line from running through the label. */
  plate: SVGRectElement;
  room: number;
}

export class GraphView {
  readonly element = h("div.graph");
  readonly tools = [
    button("+", () => this.#zoom(1.25), { "aria-label": "Zoom in" }),
    button("\u2212", () => this.#zoom(0.8), { "aria-label": "Zoom out" }),
    button("Fit", () => this.#fit(0.2), { "aria-label": "Fit the graph into its frame" }),
  ];
  #round: number | null = null;
  readonly #slider = h("input", { type: "range", min: 1, max: 1, value: 1, step: 1, "aria-label": "Round of the loop", id: "round" });
  readonly #roundText = h("span");
  /** A slider over the rounds of a loop. */
  readonly rounds = h("label.rounds", { hidden: true }, this.#slider, this.#roundText);
  readonly #picture = s("svg", { role: "none" });
  readonly #frame = h("div.frame.scroll", {
    tabindex: 0, role: "group", "aria-label": "The recording as a graph",
  });
  readonly #hint = h("p.hint.remark", { id: "hint" });
  readonly #overview = new Overview();
  readonly #scene = s("g.scene");
  readonly #flights = s("g");
  /** All boxes, and those of them that are drawn. */
  #whole: Folded;
  #folds: Folded;
  #boxes: BoxView[] = [];
  #shown: number[] = [];
  #edges = new Map<string, DrawnEdge>();
  #layout: Layout = { boxes: [], edges: new Map(), width: 1, height: 1 };
  #scale = 1;
  #last: [Numbers, State, Moment] | null = null;
  #lit: Set<string> | null = null;
  #flight = 0;
  #presenting = false;

  constructor(
    private run: Run,
    private fold: Fold,
    private readonly pick: (vertex: number) => void,
  ) {
    this.#whole = this.#folds = folded(run, fold);
    this.#picture.append(this.#scene);
    this.#frame.append(this.#picture);
    this.element.append(this.#frame, this.#overview.element, this.#hint);
    this.#listen();
    walkable(this.#scene);
    on(this.#frame, "focusin", () => this.#point(this.#focused()));
    on(this.#frame, "focusout", () => this.#point(null));
    on(this.#slider, "input", () => this.setRound(this.#slider.valueAsNumber));
  }

  /** Show another run of the same inputs: that of another branch. */
  adopt(run: Run): void {
    this.run = run;
    this.#lit = null;
    this.#whole = this.#folds = folded(run, this.fold);
    this.#boxes = [];
  }

  setFold(fold: Fold): void {
    this.fold = fold;
    this.#whole = this.#folds = folded(this.run, fold);
    this.draw();
    this.setRound(null);
  }

  /** Show one round of the loops that are folded; null for the one of the moment. */
  setRound(round: number | null): void {
    const same = round === this.#round;
    this.#round = round;
    const most = this.fold === "loop" ? max(1, ...this.run.vertices.map((v) => v.repeats ?? 1)) : 1;
    this.rounds.hidden = most < 2;
    this.#slider.max = String(most);
    const looped = this.#folds.groups.findIndex((g) =>
      g.members.some((i) => this.run.vertices[i]!.repeats === most));
    const shown = round ?? (looped < 0 ? most : this.run.vertices[this.#shownMember(looped)]!.repeat ?? 1);
    this.#slider.valueAsNumber = shown;
    set(this.#slider, "aria-valuetext", `round ${shown} of ${most}`);
    this.#roundText.textContent = `round ${shown} of ${most}`;
    if (this.#last && !same && !this.#refresh(...this.#last)) this.draw();
  }

  /** Let the graph grow to what a lecture hall can read, or shrink again. */
  present(on: boolean): void {
    this.#presenting = on;
    this.draw();
  }

  get #largest(): number {
    return this.#presenting ? 4 : LARGEST;
  }

  /** In a lecture hall letters are at least a fiftieth of the screen high. */
  get #smallest(): number {
    return this.#presenting ? max(1.35, innerHeight / 50 / 13) : SMALLEST;
  }

  get #size(): { width: number; height: number } {
    const width = this.#frame.clientWidth - 2 * ROOM - 2;
    if (!this.#presenting) {
      const above = this.#frame.getBoundingClientRect().top + scrollY;
      const below = document.querySelector("footer")!.offsetHeight + 2 * ROOM + 20;
      return { width, height: max(width < 440 ? 300 : LOWER, innerHeight - above - below) };
    }
    const map = this.#partial ? this.#overview.element.getBoundingClientRect().height + 8 : 0;
    return { width, height: max(160, this.element.clientHeight - map - 2 * ROOM - 8) };
  }

  /** Whether only the boxes of the moment are drawn, as all of them would be too small. */
  #partial = false;

  /** Lay out and draw anew, for the numbers last shown. */
  draw(): void {
    if (this.#frame.clientWidth < 50 || !this.#last) return;
    this.#partial = false;
    this.element.classList.remove("partial");
    const plans = this.#arrange(this.#whole);
    if (this.#presenting && this.#scaleToFit() < this.#smallest) {
      this.#partial = true;
      this.element.classList.add("partial");
      this.#overview.draw(strip(this.#whole, plans), plans);
      this.#drawPart();
    } else this.#paint(this.#whole, plans);
  }

  /** Draw what the moment is about, as much of it as can be read. */
  #drawPart(): void {
    const [numbers, state, moment] = this.#last!;
    const sets = around(this.run, numbers, moment);
    let plans: Plan[] = [];
    let part = this.#whole;
    for (const vertices of sets) {
      part = partOf(this.#whole, vertices);
      plans = this.#arrange(part);
      if (this.#scaleToFit() >= this.#smallest) break;
    }
    this.#paint(part, plans);
    this.#overview.light(this.#whole, part.groups.flatMap((g) => g.members), subject(this.run, numbers, moment),
      (vertex) => (state.sums.size ? state.sums : state.known).has(vertex));
  }

  /** Whether the labels of edges are values alone, for want of room. */
  #brief = false;

  /** Plan and place boxes; on phones they and the labels make room for the lines beside them. */
  #arrange(folds: Folded): Plan[] {
    const numbers = this.#last![0];
    const sums = runningSums(this.run, numbers);
    const size = this.#size;
    const narrow = size.width < 440;
    let room = narrow ? 240 : 420;
    this.#brief = false;
    for (;;) {
      const labels = this.#labels(numbers, true);
      const plans = folds.groups.map((g) => planned(this.run, numbers, g.members, sums, room));
      this.#layout = laidOut(folds, plans, labels, size, this.#presenting ? this.#largest : 1,
        this.#presenting ? this.#smallest : 1);
      const over = this.#layout.width - size.width / SMALLEST;
      const least = room <= 160;
      if (!narrow || over <= 0 || (least && this.#brief) || plans.length > MANY) return plans;
      if (least) this.#brief = true;
      room = max(160, room - over - 4);
    }
  }

  #paint(folds: Folded, plans: Plan[]): void {
    const [numbers, state, moment] = this.#last!;
    const labels = this.#labels(numbers, true);
    const held = this.#focused();
    this.#folds = folds;
    this.#edges.clear();
    const lines = s("g");
    const words = s("g");
    for (const [key, { path: points, label: [x, y] }] of this.#layout.edges) {
      const path = s("path.edge", { d: points });
      const label = s("text.label", { "text-anchor": "middle", x, y: y + 4.5 });
      const plate = s("rect.plate", { y: y - 9, height: 18, rx: 4 });
      this.#edges.set(key, { path, label, plate, room: widthOf(labels.get(key) ?? "", LABEL) + 10 });
      lines.append(path);
      words.append(plate, label);
    }
    this.#boxes = this.#layout.boxes.map(([x, y], i) => this.#drawBox(plans[i]!, x, y, i));
    replace(this.#flights);
    replace(this.#scene, arrows(), lines, words, ...this.#boxes.map((b) => b.group), this.#flights);
    this.#fit();
    this.#refresh(numbers, state, moment);
    if (held) this.#boxes[this.#folds.groupOf[held.vertex]!]?.cellsOf(held.entry)[held.which]?.focus();
  }

  /** The entry that has the focus, so that it keeps it. */
  #focused(): (Cell & { which: number }) | null {
    const target = document.activeElement;
    const index = this.#boxes.findIndex((box) => box.group.contains(target));
    const entry = this.#boxes[index]?.entryOf(target) ?? null;
    if (entry === null) return null;
    const which = this.#boxes[index]!.cellsOf(entry).indexOf(target as SVGElement);
    return { vertex: this.#shown[index]!, entry, which };
  }

  /** The boxes of the inputs, in their order. */
  #inputBoxes(): number[] {
    return [...new Set(this.run.inputs.map((i) => this.#folds.groupOf[i]!))];
  }

  #drawBox(plan: Plan, x: number, y: number, index: number): BoxView {
    const members = this.#folds.groups[index]!.members;
    const v = this.run.vertices[members[0]!]!;
    const kinds = ["box"];
    if (v.rule == null) kinds.push("input");
    if (members.includes(this.run.result ?? -1)) kinds.push("result");
    if (v.unused && this.run.result != null) kinds.push("unused");
    const box = new BoxView(plan, x, y, kinds, v.rule == null);
    on(box.group, "click", () => {
      if (!this.#dragged) this.pick(this.#shownMember(index));
    });
    on(box.group, "pointerover", (event) => {
      const entry = box.entryOf(event.target);
      this.#point(entry === null ? null : { vertex: this.#shown[index]!, entry });
    });
    on(box.group, "pointerleave", () => this.#point(null));
    return box;
  }

  /** The member of a box that it shows: the one touched last. */
  #shownMember(index: number): number {
    return this.#shownOf(this.#folds.groups[index]!.members);
  }

  #shownOf(members: number[]): number {
    if (this.#round !== null && members.length > 1) {
      const found = members.find((i) => this.run.vertices[i]!.repeat === this.#round);
      if (found !== undefined) return found;
    }
    if (members.length === 1 || !this.#last) return members[0]!;
    const [numbers, state, moment] = this.#last;
    const now = subject(this.run, numbers, moment);
    if (now != null && members.includes(now)) return now;
    const swept = members.filter((i) => state.sums.has(i));
    if (swept.length) return isForward(this.run) ? swept.at(-1)! : swept[0]!;
    return members.filter((i) => state.known.has(i)).at(-1) ?? members[0]!;
  }

  update(numbers: Numbers, state: State, moment: Moment): void {
    this.#last = [numbers, state, moment];
    if (this.#partial) this.#drawPart();
    else if (!this.#boxes.length || !this.#refresh(numbers, state, moment)) this.draw();
    this.#follow();
  }

  /** Scroll to what the moment is about: a box, and the box that it adds to; not behind the bar. */
  #follow(): void {
    if (!this.#last) return;
    const [numbers, , moment] = this.#last;
    const now = subject(this.run, numbers, moment);
    if (now == null) {
      if (moment.kind === "end") this.#bringIntoView(this.#inputBoxes().slice(0, 1));
      else this.#frame.scrollTo(0, 0);
      return;
    }
    const others = this.#carriers(numbers, moment).map((c) => c.to);
    this.#bringIntoView([now, ...others].map((i) => this.#folds.groupOf[i]!));
    const hidden = (this.#boxes[this.#folds.groupOf[now]!]?.group.getBoundingClientRect().bottom ?? 0) -
      document.querySelector("footer")!.getBoundingClientRect().top;
    if (hidden > 0 && !this.#presenting) scrollBy(0, hidden + ROOM);
  }

  /** Show the numbers in the boxes as they are; false if they no longer fit. */
  #refresh(numbers: Numbers, state: State, moment: Moment): boolean {
    const now = subject(this.run, numbers, moment);
    const warned = new Set(numbers.warnings.filter((w) => w.kind === "nan" || w.kind === "inf")
      .map((w) => this.#folds.groupOf[w.vertex]));
    let fits = true;
    this.#shown = this.#boxes.map((box, index) => {
      const members = this.#folds.groups[index]!.members;
      const shown = this.#shownMember(index);
      const v = this.run.vertices[shown]!;
      const known = state.known.has(shown);
      const sum = state.sums.get(shown);
      const repeat = members.length > 1 ? ` \u00d7${members.length}` : "";
      const label = v.rule == null
        ? (this.run.inputs.includes(shown) ? "input" : "constant")
        : v.expression + repeat;
      const tip = `${v.name} = ${v.expression}\n${entries(numbers.values[shown])}`;
      fits = box.update(headOf(this.run, shown), label, known ? numbers.values[shown] : null, sum?.total, tip,
        (entry) => entryName(this.run, { vertex: shown, entry })) && fits;
      const on = (name: string, is: boolean): boolean => box.group.classList.toggle(name, is);
      on("known", known);
      on("current", now != null && members.includes(now));
      on("summed", sum !== undefined);
      on("ready", members.some((i) => state.ready.includes(i)));
      on("warned", warned.has(index));
      return shown;
    });
    for (const [key, text] of this.#labels(numbers)) {
      const edge = this.#edges.get(key);
      if (!edge) continue;
      edge.label.textContent = text;
      const width = widthOf(text, LABEL);
      set(edge.plate, "width", width && width + 8);
      set(edge.plate, "x", Number(edge.label.getAttribute("x")) - width / 2 - 4);
      fits = fits && width <= edge.room + 2;
    }
    this.#light(numbers, state, moment);
    reachable(this.#scene);
    return fits;
  }

  /** The texts on the edges; those of loops are of the round that is shown, or the widest of all. */
  #labels(numbers: Numbers, widest = false): Map<string, string> {
    const labels = new Map<string, string>();
    const { groups, groupOf, edges } = this.#whole;
    const few = this.fold === "loop" && edges.length <= LABELLED;
    if (this.fold !== "none" && !few) return labels;
    const found = byEdge(numbers);
    for (const { from, to, key } of edges) {
      const { members } = groups[to]!;
      const texts = (widest ? members.slice(0, 200) : [this.#shownOf(members)]).map((vertex) => {
        const positions = operandsOf(this.run.vertices[vertex]!)
          .filter((x) => groupOf[x.vertex] === from).map((x) => x.position);
        const position = this.fold === "none" ? Number(key.split(":")[1]) : positions[0];
        if (position === undefined || (this.fold === "loop" && positions.length > 1)) return "";
        return labelOf(this.run, vertex, position, found.get(`${vertex}:${position}`), this.#brief);
      });
      labels.set(key, texts.reduce((a, b) => (widthOf(b, LABEL) > widthOf(a, LABEL) ? b : a)));
    }
    return labels;
  }

  // ------------------------------------------------------------ what is lit

  #light(numbers: Numbers, state: State, moment: Moment): void {
    const swept = !isForward(this.run) && state.sums.size > 0;
    const carrying = new Map(this.#carriers(numbers, moment).map((c) => [c.key, c.backward]));
    for (const [key, { path, label }] of this.#edges) {
      const back = carrying.get(key);
      const chosen = this.#lit?.has(key) ?? false;
      set(path, "marker-end", swept ? null : "url(#arrow)");
      set(path, "marker-start", swept ? "url(#arrow)" : null);
      path.classList.toggle("lit", back !== undefined);
      path.classList.toggle("back", back === true);
      path.classList.toggle("path", chosen);
      label.classList.toggle("lit", back !== undefined || chosen);
    }
  }

  /** Light the edges of paths, each by its vertex and the position of the operand. */
  trace(edges: { vertex: number; position: number; operand: number }[] | null): void {
    this.#lit = edges && new Set(edges.map((e) => this.#edgeKey(e.vertex, e.position, e.operand)));
    if (this.#last) this.#light(...this.#last);
  }

  /** Light what an entry is computed from, and what is computed from it. */
  #point(cell: Cell | null): void {
    for (const marked of this.#scene.querySelectorAll(".from, .to, .here")) {
      marked.classList.remove("from", "to", "here");
    }
    this.#hint.textContent = "";
    if (!cell || sizeOf(this.run.vertices[cell.vertex]!.shape) > 256) return;
    const mark = (cells: Cell[], name: string): void => {
      for (const { vertex, entry } of cells) {
        const index = this.#folds.groupOf[vertex]!;
        if (this.#shown[index] !== vertex) continue;
        for (const element of this.#boxes[index]?.cellsOf(entry) ?? []) element.classList.add(name);
      }
    };
    const from = sources(this.run, cell);
    const to = receivers(this.run, cell);
    mark(from, "from");
    mark(to, "to");
    mark([cell], "here");
    const list = (cells: Cell[]): string => {
      const names = [...new Set(cells.map((c) => entryName(this.run, c)))];
      return names.slice(0, 6).join(", ") + (names.length > 6 ? ` and ${names.length - 6} more` : "");
    };
    const name = entryName(this.run, cell);
    this.#hint.textContent = [
      from.length ? `${name} is computed from ${list(from)}.` : `${name} is given.`,
      to.length ? `Its gradient comes from ${list(to)}.` : "",
    ].join(" ");
  }

  #edgeKey(vertex: number, position: number, operand: number): string {
    if (this.fold === "none") return `${vertex}:${position}`;
    return `${this.#whole.groupOf[operand]}-${this.#whole.groupOf[vertex]}`;
  }

  #carriers(numbers: Numbers, moment: Moment): {
    key: string; backward: boolean; swept: boolean; text: string; to: number;
  }[] {
    if (moment.kind === "forward") {
      return operandsOf(this.run.vertices[moment.vertex]!).map(({ vertex, position }) => ({
        key: this.#edgeKey(moment.vertex, position, vertex),
        backward: false, swept: false, text: show(numbers.values[vertex]), to: moment.vertex,
      }));
    }
    if (moment.kind !== "flow") return [];
    const step = numbers.steps[moment.step]!;
    const c = step.contributions[moment.part]!;
    const [, to] = flow(this.run, step, c);
    const key = this.#edgeKey(step.vertex, c.position, c.operand);
    return [{ key, backward: to === c.operand, swept: true, text: show(c.amount), to }];
  }

  // ------------------------------------------------------------ what flies

  /** Let the numbers of a moment fly to where they go, and be added there. */
  fly(numbers: Numbers, moment: Moment): void {
    replace(this.#flights);
    const flight = ++this.#flight;
    if (calm()) return;
    for (const carrier of this.#carriers(numbers, moment)) {
      const path = this.#edges.get(carrier.key)?.path;
      if (!path) continue;
      const text = carrier.text.length > 14 ? "[\u2026]" : carrier.text;
      const width = 18 + widthOf(text, 13, true);
      const pill = s("g", { class: carrier.swept ? "pill swept" : "pill" },
        s("rect", { x: -width / 2, y: -12, width, height: 24, rx: 12 }),
        s("text", { "text-anchor": "middle", y: 4.5 }, carrier.swept ? `+ ${text}` : text));
      this.#flights.append(pill);
      this.#move(pill, path, carrier, flight);
    }
  }

  #move(
    pill: SVGGElement, path: SVGPathElement, { backward, swept, to }: { backward: boolean; swept: boolean; to: number },
    flight: number,
  ): void {
    const length = path.getTotalLength();
    const began = performance.now();
    const frame = (now: number): void => {
      const t = min(1, max(0, (now - began) / FLIGHT));
      if (t >= 1 || flight !== this.#flight) {
        pill.remove();
        if (swept && flight === this.#flight) this.#boxes[this.#folds.groupOf[to]!]?.arrive();
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

  #fit(smallest = this.#smallest): void {
    this.#setScale(max(this.#scaleToFit(), this.#partial ? 0.2 : smallest));
    this.#follow();
  }

  #scaleToFit(): number {
    const { width, height } = this.#size;
    return min(width / this.#layout.width, height / this.#layout.height, this.#largest);
  }

  #setScale(k: number): void {
    this.#scale = k;
    const [width, height] = [this.#layout.width * k + 2 * ROOM, this.#layout.height * k + 2 * ROOM];
    set(this.#picture, "width", ceil(width));
    set(this.#picture, "height", ceil(height));
    set(this.#scene, "transform", `translate(${ROOM} ${ROOM}) scale(${k})`);
    const most = this.#size.height + 2 * ROOM + 3;
    this.#frame.style.height = `${round(min(most, max(LOWEST, height + 2)))}px`;
  }

  #zoom(by: number): void {
    const frame = this.#frame;
    const middle = [frame.scrollLeft + frame.clientWidth / 2, frame.scrollTop + frame.clientHeight / 2];
    const before = this.#scale;
    this.#setScale(min(4, max(0.1, before * by)));
    const grown = this.#scale / before;
    frame.scrollLeft = middle[0]! * grown - frame.clientWidth / 2;
    frame.scrollTop = middle[1]! * grown - frame.clientHeight / 2;
  }

  #bringIntoView(indices: number[]): void {
    const [frame, scale] = [this.#frame, this.#scale];
    const areas = indices.flatMap((i) => {
      const [at, plan] = [this.#layout.boxes[i], this.#boxes[i]?.plan];
      return at && plan ? [{ left: at[0], top: at[1], right: at[0] + plan.width, bottom: at[1] + plan.height }] : [];
    });
    if (!areas.length) return;
    const wanted = (start: "left" | "top", end: "right" | "bottom", from: number, room: number): number => {
      const extent = (some: typeof areas): [first: number, last: number] =>
        [min(...some.map((a) => a[start])) * scale, max(...some.map((a) => a[end])) * scale + 2 * ROOM];
      let [first, last] = extent(areas);
      if (last - first > room) [first, last] = extent(areas.slice(0, 1));
      return first >= from && last <= from + room ? from : (first + last - room) / 2;
    };
    frame.scrollLeft = wanted("left", "right", frame.scrollLeft, frame.clientWidth);
    frame.scrollTop = wanted("top", "bottom", frame.scrollTop, frame.clientHeight);
  }

  #dragged = false;

  #listen(): void {
    const frame = this.#frame;
    let from: { x: number; y: number } | null = null;
    on(frame, "pointerdown", (event) => {
      from = event.pointerType === "mouse" ? { x: event.clientX, y: event.clientY } : null;
      this.#dragged = false;
    });
    on(frame, "pointermove", (event) => {
      if (!from || !event.buttons) return;
      const [dx, dy] = [event.clientX - from.x, event.clientY - from.y];
      if (!this.#dragged && Math.hypot(dx, dy) < 4) return;
      this.#dragged = true;
      frame.scrollLeft -= dx;
      frame.scrollTop -= dy;
      from = { x: event.clientX, y: event.clientY };
    });
    on(frame, "wheel", (event) => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      this.#zoom(event.deltaY < 0 ? 1.1 : 0.9);
    }, { passive: false });
    let width = 0;
    new ResizeObserver(() => {
      const now = this.element.clientWidth + (this.#presenting ? this.element.clientHeight / 1e4 : 0);
      if (now === width) return;
      width = now;
      this.draw();
    }).observe(this.element);
  }
}

/** All that the running sum of each vertex will be. */
function runningSums(run: Run, numbers: Numbers): Map<number, Value[]> {
  const sums = new Map<number, Value[]>();
  const note = (vertex: number, x: Value): void => {
    const known = sums.get(vertex);
    if (known) known.push(x);
    else sums.set(vertex, [x]);
  };
  for (const [vertex, total] of numbers.totals) note(vertex, total);
  for (const step of numbers.steps) {
    for (const c of step.contributions) note(flow(run, step, c)[1], c.total);
  }
  return sums;
}

function arrows(): SVGDefsElement {
  return s("defs", s("marker", {
    id: "arrow", viewBox: "0 0 8 8", refX: 7.5, refY: 4, markerWidth: 11, markerHeight: 11,
    markerUnits: "userSpaceOnUse", orient: "auto-start-reverse",
  }, s("path", { d: "M0,0.8 L7.5,4 L0,7.2 z" })));
}
