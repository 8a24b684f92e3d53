// Elements made from data; text is always text, never markup.

type Child = Node | string | null | undefined | false;
type Attributes = Record<string, string | number | boolean | null | undefined>;
/** A tag with its classes, "p.remark". */
type Tag<Names> = (keyof Names & string) | `${keyof Names & string}.${string}`;
type Made<Names, T> = T extends `${infer K}.${string}` ? Names[K & keyof Names] : Names[T & keyof Names];

/** An element of HTML: h("p.remark", { id: "hint" }, "Step on."). */
export function h<T extends Tag<HTMLElementTagNameMap>>(
  tag: T, ...parts: (Attributes | Child)[]
): Made<HTMLElementTagNameMap, T> {
  return filled(tag, (name) => document.createElement(name), parts) as Made<HTMLElementTagNameMap, T>;
}

/** An element of SVG. */
export function s<T extends Tag<SVGElementTagNameMap>>(
  tag: T, ...parts: (Attributes | Child)[]
): Made<SVGElementTagNameMap, T> {
  const svg = (name: string): Element => document.createElementNS("http://www.w3.org/2000/svg", name);
  return filled(tag, svg, parts) as Made<SVGElementTagNameMap, T>;
}

function filled(tag: string, create: (name: string) => Element, parts: (Attributes | Child)[]): Element {
  const [name, ...classes] = tag.split(".");
  const element = create(name!);
  element.classList.add(...classes);
  for (const part of parts) {
    if (typeof part === "string" || part instanceof Node) element.append(part);
    else for (const [key, value] of Object.entries(part || {})) set(element, key, value);
  }
  return element;
}

export function set(
  element: Element, name: string, value: string | number | boolean | null | undefined,
): void {
  if (value == null || value === false) element.removeAttribute(name);
  else element.setAttribute(name, value === true ? "" : String(value));
}

export function on<K extends keyof HTMLElementEventMap>(
  target: EventTarget, type: K, act: (event: HTMLElementEventMap[K]) => void, options?: AddEventListenerOptions,
): void {
  target.addEventListener(type, act as EventListener, options);
}

export function replace(element: Element, ...children: Child[]): void {
  element.replaceChildren(...children.filter((c): c is Node | string => Boolean(c)));
}

export function button(label: string | Element, act: () => void, attributes: Attributes = {}): HTMLButtonElement {
  const made = h("button", { type: "button", ...attributes }, label);
  on(made, "click", act);
  return made;
}

/** A card of the page, named by its title. */
export function card(kind: string, ...children: Child[]): HTMLElement {
  return h("section", { class: `card ${kind}`, "aria-labelledby": `${kind}-title` }, ...children);
}

/** The title of a card. */
export function titleOf(kind: string, text = ""): HTMLElement {
  return h("h2", { id: `${kind}-title` }, text);
}

export function calm(): boolean {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}

/** A table that scrolls, with a heading for each column. */
export function table(label: string, heads: string[], body: HTMLElement): HTMLElement {
  return h("div.scroll", { tabindex: 0, role: "group", "aria-label": label },
    h("table", h("thead", h("tr", ...heads.map((text) => h("th", { scope: "col" }, text)))), body));
}
