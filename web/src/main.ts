// The page: reads the explanation, builds the panels, and keeps them at one moment.

import { isForward, lineOf, readRuns, recorded, type Numbers, type Run, type Script, type Warning } from "./data";
import { button, card, h, on, replace, set, titleOf } from "./dom";
import { costCard } from "./cost";
import { ExplorePanel } from "./explore";
import { bestFold, possibleFolds, type Fold } from "./fold";
import { short, show, tuple } from "./format";
import { gloss } from "./gloss";
import { GraphView } from "./graph";
import { InputsPanel } from "./inputs";
import { NowPanel } from "./panels";
import { layered } from "./layering";
import { cellOf, inputsOf, linkOf, readLink, type Link } from "./links";
import { Quiz } from "./quiz";
import { RemarksPanel, TablePanel } from "./remarks";
import { Family, Replay } from "./replay";
import { CodePanel, SourcePanel } from "./source";
import { moments, stateAt, subject, sweepStart, type Moment } from "./timeline";
import { Transport } from "./transport";
import type { Workshop } from "./workshop";
import { heading, phaseOf, spoken } from "./words";
import { max, min } from "./maths";

const scripts = (globalThis as unknown as { chainruleRules: Script[] }).chainruleRules;
const Typing = (globalThis as unknown as { chainruleWorkshop?: typeof Workshop }).chainruleWorkshop;
const { runs, workshop } = readRuns(document.getElementById("data")!.textContent!);

class Page {
  #run: Run;
  #numbers: Numbers;
  #all: Moment[];
  #now = 0;
  readonly #family: Family;
  readonly #graph: GraphView;
  readonly #panel: NowPanel;
  readonly #inputs: InputsPanel;
  readonly #explore: ExplorePanel | null;
  readonly #speech = h("p.speech");
  #speaking = false;
  #source: SourcePanel;
  #code: CodePanel;
  readonly #remarks: RemarksPanel;
  readonly #table: TablePanel;
  readonly #quiz: Quiz;
  readonly #call = h("p.call");
  readonly #voice = h("p.unseen", { role: "status", "aria-live": "polite" });

  constructor(
    run: Run, forms: Script[], private readonly transport: () => Transport, root: HTMLElement,
    private readonly moved: (inputs: number[][]) => void,
    private readonly formula: () => string | null,
  ) {
    this.#run = run;
    this.#numbers = recorded(run);
    this.#all = moments(run, this.#numbers);
    this.#family = new Family(run, forms);
    const live = run.live && this.#family.recorded.reproduces();
    const whyNot = run.notLive || "A replay here does not reproduce the recorded numbers.";
    const fold = bestFold(run);
    this.#graph = new GraphView(run, fold, (vertex) => this.#picked(vertex));
    this.#panel = new NowPanel(run);
    this.#inputs = new InputsPanel(run, live, whyNot, (inputs) => this.#replayed(inputs),
      (edges) => this.#graph.trace(edges), (place) => this.#explore?.look(place));
    this.#explore = live && !isForward(run)
      ? new ExplorePanel(run, this.#family, (inputs) => this.#inputs.write(inputs))
      : null;
    this.#source = new SourcePanel(run);
    this.#code = new CodePanel(run, () => this.#cell());
    this.#remarks = new RemarksPanel(run, (warning) => this.#visit(warning));
    this.#table = new TablePanel(run);
    this.#quiz = new Quiz(() => this.go(this.#now + 1, false, true), () =>
      this.go(sweepStart(this.#all), false, true));
    replace(root, this.#voice, intro(run, live), h("div.top", this.#call, this.#remarks.badge),
      h("div.grid",
        h("div.wide", this.#graphCard(fold), this.#remarks.element, this.#source.element,
          this.#code.element),
        h("div.side", this.#quiz.element, this.#panel.element, this.#inputs.element,
          this.#explore?.element ?? null, run.steps.length ? costCard(run) : null)),
      this.#table.element);
  }

  #graphCard(fold: Fold): HTMLElement {
    const folds = possibleFolds(this.#run);
    const names: Record<Fold, string> = {
      none: "every vertex", loop: "loops folded", line: "by line", function: "by function",
    };
    const select = h("select", { "aria-label": "What one box stands for" },
      ...folds.map((f) => h("option", { value: f, selected: f === fold }, names[f])));
    on(select, "change", () => this.#graph.setFold(select.value as Fold));
    if (!folds.length) {
      return card("recording", titleOf("recording", "Recording"),
        h("p.remark", "There are too many vertices to draw them."));
    }
    const choice = folds.length > 1 && this.#run.vertices.length > 12;
    const carriedOn = isForward(this.#run) ? "\u2202 tangent so far" : "\u2202 gradient so far";
    return card("recording",
      h("div.titled", titleOf("recording", "Recording"),
        h("p.legend",
          h("span.key.value", "value"),
          h("span.key.gradient", carriedOn),
          h("span.key.edge-label", "local derivative")),
        this.#graph.rounds,
        h("div.tools", choice ? select : null, ...this.#graph.tools)),
      this.#graph.element, h("div.talk", this.#speech, this.#voiceButton()));
  }

  /** Reads each sentence aloud, where the browser can. */
  #voiceButton(): HTMLElement | null {
    if (!("speechSynthesis" in globalThis)) return null;
    const key = button("Read aloud", () => {
      this.#speaking = !this.#speaking;
      set(key, "aria-pressed", String(this.#speaking));
      speechSynthesis.cancel();
      if (this.#speaking) this.#say();
    }, { "aria-pressed": "false", id: "aloud" });
    return key;
  }

  /** Smaller letters for what would not fit. */
  #fitSpeech(): void {
    const speech = this.#speech;
    speech.classList.remove("long");
    speech.classList.toggle("long", speech.scrollHeight > speech.clientHeight + 1);
  }

  #say(): void {
    speechSynthesis.cancel();
    speechSynthesis.speak(new SpeechSynthesisUtterance(this.#speech.textContent ?? ""));
  }

  present(on: boolean): void {
    if (!on && this.#speaking) document.getElementById("aloud")?.click();
    this.#graph.present(on);
    this.#fitSpeech();
  }

  /** Show everything as it is at a step; false if a question has to be answered first. */
  go(to: number, playing: boolean, answered = false): boolean {
    if (to === this.#now + 1 && this.#quiz.waiting && !answered) {
      this.#quiz.focus();
      return false;
    }
    const onward = to === this.#now + 1;
    this.#now = min(max(0, to), this.#all.length - 1);
    this.show(onward);
    if (this.#quiz.waiting && playing) this.#quiz.focus();
    return !(playing && this.#quiz.waiting);
  }

  show(fly = false): void {
    const [run, numbers, all, now] = [this.#run, this.#numbers, this.#all, this.#now];
    const moment = all[now]!;
    const state = stateAt(run, numbers, all, now);
    const vertex = subject(run, numbers, moment);
    this.#call.textContent = this.#signature();
    this.#panel.update(numbers, state, moment);
    this.#inputs.update(numbers, state, moment.kind === "end");
    this.#source.update(vertex);
    this.#code.update(moment);
    this.#note();
    this.#remarks.update(numbers);
    this.#table.update(state.known, numbers.values.map((x) => show(x)),
      new Map([...state.sums].map(([i, sum]) => [i, show(sum.total)])));
    const place = `Step ${now} of ${all.length - 1}`;
    const words = `${place}: ${phaseOf(run, moment)}, ${heading(run, numbers, moment)}`;
    this.transport().show(now, all.length - 1, sweepStart(all), words);
    this.#voice.textContent = `${place}. ${spoken(run, numbers, state, moment, 40)}`;
    this.#speech.textContent = spoken(run, numbers, state, moment);
    this.#fitSpeech();
    if (this.#speaking) this.#say();
    // When what is above it, and the bar, have their heights.
    this.#graph.update(numbers, state, moment);
    this.#graph.setRound(null);
    if (fly) this.#graph.fly(numbers, moment);
    if (this.#quiz.on) this.#quiz.ask({ run, numbers, state, next: all[now + 1] });
  }

  #signature(): string {
    const [run, numbers] = [this.#run, this.#numbers];
    const given = run.inputs.map((i) => {
      const { name, shape } = run.vertices[i]!;
      return shape.length ? `${name} ${tuple(shape)}` : `${name} = ${show(numbers.values[i])}`;
    });
    const strayed = numbers.branches.length > 0;
    const result = run.result == null ? "" : strayed ? " takes another branch"
      : ` = ${show(numbers.values[run.result])}`;
    const name = /^\w+$/.test(run.title) ? run.title : "f";
    return `${name}(${given.join(", ")})${result}`;
  }

  #replayed(inputs: number[][] | null): void {
    if (inputs) this.moved(inputs);
    const end = this.#now === this.#all.length - 1;
    const home = this.#family.runs[0]!;
    const { run, numbers, why } = inputs ? this.#family.at(inputs)
      : { run: home, numbers: recorded(home), why: "" };
    if (run !== this.#run) this.#adopt(run);
    this.#inputs.elsewhere = run === home ? "" : why;
    this.#numbers = numbers;
    this.#explore?.update(this.#numbers);
    this.#all = moments(this.#run, this.#numbers);
    this.#now = end ? this.#all.length - 1 : min(this.#now, this.#all.length - 1);
    this.show();
  }

  #cell(): string | null {
    return cellOf(this.#family.runs[0]!, this.#numbers);
  }

  #noting = 0;

  /** Keep the address of this moment, so that it can be sent and come back to. */
  #note(): void {
    clearTimeout(this.#noting);
    this.#noting = setTimeout(() => {
      const home = this.#family.runs[0]!;
      const link = linkOf(home, this.#numbers, this.#now, max(0, runs.indexOf(home)), this.formula());
      try {
        history.replaceState(null, "", link ? `#${link}` : location.pathname + location.search);
      } catch {
        // A frame without an address of its own.
      }
    }, 120);
  }

  /** Go where a link leads. */
  follow(link: Link): void {
    const inputs = inputsOf(this.#run, link);
    if (inputs && this.#explore) this.#inputs.write(inputs);
    if (link.step !== null) this.go(link.step, false, true);
  }

  /** Show another branch of the function, in the place of this one. */
  #adopt(run: Run): void {
    this.#run = run;
    for (const part of [this.#graph, this.#panel, this.#inputs, this.#explore, this.#remarks, this.#table]) {
      part?.adopt(run);
    }
    const [source, code] = [new SourcePanel(run), new CodePanel(run, () => this.#cell())];
    this.#source.element.replaceWith(source.element);
    this.#code.element.replaceWith(code.element);
    [this.#source, this.#code] = [source, code];
  }

  #picked(vertex: number): void {
    if (this.#run.inputs.includes(vertex) && !isForward(this.#run)) {
      return this.#inputs.choose(vertex);
    }
    const sweeping = this.#now >= sweepStart(this.#all) && sweepStart(this.#all) >= 0;
    this.go(this.#momentOf(vertex, sweeping), false);
  }

  #momentOf(vertex: number, backward: boolean): number {
    const found = this.#all.findIndex((m) =>
      m.kind === "forward" ? !backward && m.vertex === vertex
        : (m.kind === "flow" || m.kind === "quiet") && backward &&
          this.#numbers.steps[m.step]!.vertex === vertex);
    return found < 0 ? this.#now : found;
  }

  #visit(warning: Warning): void {
    this.go(this.#momentOf(warning.vertex, warning.inSweep), false);
  }

  /** Draw what is drawn once it is on the screen. */
  open(): void {
    this.#explore?.update(this.#numbers);
    if (document.documentElement.classList.contains("presenting")) this.#graph.present(true);
  }

  toggleQuiz(): boolean {
    this.#quiz.toggle();
    this.show();
    this.#quiz.focus();
    return this.#quiz.on;
  }
}

/** Two lines for who comes here first. */
function intro(run: Run, live: boolean): HTMLElement {
  const swept = isForward(run) ? gloss("tangent") : gloss("cotangent");
  return h("p.intro", "Each box is a ", gloss("vertex"), ": a value, and how it was computed. " +
    "First the values are computed, along the arrows; then each box hands its ", swept, " times a ",
    gloss("local derivative"), isForward(run) ? " on." : " back to what it was computed from.",
    h("br"), "Step with \u2192 or Play.", live ? " Change an input, and everything follows." : "");
}

function header(
  title: HTMLElement, showRun: (run: Run) => void, ...keys: HTMLButtonElement[]
): HTMLElement {
  const choice = h("select", { "aria-label": "Which function" },
    ...runs.map((run, i) => h("option", { value: i }, run.title)));
  on(choice, "change", () => showRun(runs[Number(choice.value)]!));
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const theme = button("", () => paint(!isDark()), { id: "theme" });
  const isDark = (): boolean => {
    const chosen = document.documentElement.dataset["theme"];
    return chosen ? chosen === "dark" : dark.matches;
  };
  const paint = (toDark: boolean | null): void => {
    if (toDark != null) document.documentElement.dataset["theme"] = toDark ? "dark" : "light";
    theme.textContent = isDark() ? "Light" : "Dark";
    set(theme, "aria-label", isDark() ? "Light colours" : "Dark colours");
  };
  on(dark, "change", () => paint(null));
  paint(null);
  return h("header",
    title,
    h("div.switches", runs.length > 1 ? choice : null, ...keys, theme));
}

function start(): void {
  let page: Page | undefined;  // there is none while what was typed cannot be read
  const main = h("main");
  const transport = new Transport((to, playing) => page?.go(to, playing) ?? false);
  const quiz = button("Quiz", () => set(quiz, "aria-pressed", String(page?.toggleQuiz() ?? false)), {
    id: "quiz", "aria-pressed": "false",
  });
  const presented = (on: boolean): void => {
    document.documentElement.classList.toggle("presenting", on);
    set(present, "aria-pressed", String(on));
    page?.present(on);
  };
  const present = button("Present", () => presented(present.getAttribute("aria-pressed") !== "true"), {
    id: "present", "aria-pressed": "false", title: "The graph and one sentence, large (key P)",
  });
  on(document, "keydown", (event) => {
    const typing = event.target instanceof Element && event.target.closest("input, select, textarea");
    if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "p" || event.key === "P") present.click();
    if (event.key === "Escape" && present.getAttribute("aria-pressed") === "true") presented(false);
  });
  const title = h("h1");
  const editor = workshop && Typing && new Typing(workshop, scripts, Replay, (made) => showRun(made.run, made.scripts));
  const showRun = (run: Run, forms = scripts): void => {
    if (editor) replace(title, "Your function, and its gradient");
    else replace(title, isForward(run) ? "Forward mode of " : "Gradient of ",
      h("span.function", run.title));
    transport.pause();
    set(quiz, "aria-pressed", "false");
    page = new Page(run, forms, () => transport, main, (inputs) =>
      run.inputs.forEach((i, n) => editor?.keep(run.vertices[i]!.name, inputs[n]!)),
    () => editor?.formula ?? null);
    page.show();
    page.open();
  };
  replace(document.getElementById("app")!, header(title, showRun, quiz, present),
    editor?.element ?? "", main,
    h("footer", transport.element));
  const opened = (): void => {
    const link = readLink(location.hash);
    if (editor) editor.write(link.formula ?? editor.formula, Object.fromEntries(link.values));
    else showRun(runs[link.run ?? 0] ?? runs[0]!);
    page?.follow(link);
  };
  addEventListener("hashchange", opened);
  opened();
  Object.assign(globalThis, { chainrulePage: { runs, short, lineOf, layered } });
}

start();
