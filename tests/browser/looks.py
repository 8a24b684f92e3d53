"""How pages look: screenshots of ten functions, and what a ruler says of them.

``python -m tests.browser.looks FOLDER`` makes the screenshots, in four sizes, light and
dark, at three moments, and prints every fault: texts that overlap, texts that are cut
off, weak contrast, letters too small to read, edges without a line, boxes behind the
bar. The browser tests run the same checks.
"""

import sys
from pathlib import Path

import numpy as np

import chainrule as gd

WIDTHS = {390: 844, 1024: 768, 1440: 900, 1920: 1080}
SCHEMES = ("light", "dark")
SMALLEST = 12.0
"""Letters are at least this high, in pixels."""


def equation_2(x, y):
    """Return log(x) + x*y - sin(y)."""
    return np.log(x) + x * y - np.sin(y)


def busy(x, y):
    """Return something of twenty operations."""
    a = np.sin(x * y)
    b = np.exp(-x) + a * y
    c = np.sqrt(a * a + b * b)
    d = np.tanh(c * x) + b / (1 + y**2)
    return c * d + np.log(1 + a * a) + np.maximum(x, y) * 2.0**x


def newton(a, x):
    """Return the square root of a, by a loop."""
    for _ in range(12):
        x = 0.5 * (x + a / x)
    return x


def pole(x, y):
    """Return nan at the origin."""
    r = np.sqrt(x * x + y * y)
    return np.log(r) * x


def huber(prediction, target, delta):
    """Return a robust loss, of two branches."""
    r = prediction - target
    if np.abs(r) < delta:
        return 0.5 * r**2
    return delta * (np.abs(r) - 0.5 * delta)


def network(weights, bias, output_weights, inputs, label):
    """Return the loss of a network with one hidden layer."""
    hidden = np.tanh(weights @ inputs + bias)
    logits = output_weights @ hidden
    return np.logaddexp(0.0, logits) - label * logits


def softmax(logits, target):
    """Return a cross entropy."""
    shifted = logits - np.max(logits)
    probabilities = np.exp(shifted) / np.sum(np.exp(shifted))
    return -np.sum(target * np.log(probabilities))


def regression(parameters, design, observed):
    """Return a penalised sum of squares."""
    residuals = design @ parameters["slope"] + parameters["intercept"] - observed
    return np.mean(residuals**2) + 0.1 * np.sum(parameters["slope"] ** 2)


def cancels(x):
    """Return what rounding leaves of 0."""
    return 0.1 * x + 0.2 * x - 0.3 * x


def rounds(a, x):
    """Return the last of two thousand rounds."""
    for _ in range(2000):
        x = np.sin(a * x) + 0.1
    return x


_RNG = np.random.default_rng(3)
FUNCTIONS = {
    "equation": (equation_2, (2.0, 3.0)),
    "busy": (busy, (0.7, 1.3)),
    "newton": (newton, (2.0, 1.0)),
    "pole": (pole, (0.0, 0.0)),
    "huber": (huber, (2.5, 1.0, 2.0)),
    "network": (
        network,
        (
            _RNG.normal(size=(3, 2)),
            np.zeros(3),
            _RNG.normal(size=3),
            np.array([1.5, -0.5]),
            1.0,
        ),
    ),
    "softmax": (softmax, (np.array([2.0, -1.0, 0.5]), np.array([0.0, 1.0, 0.0]))),
    "regression": (
        regression,
        (
            {"slope": _RNG.normal(size=12), "intercept": np.array(0.5)},
            _RNG.normal(size=(20, 12)),
            _RNG.normal(size=20),
        ),
    ),
    "cancels": (cancels, (1.0,)),
    "rounds": (rounds, (0.9, 0.5)),
}

FAULTS = r"""(smallest) => {
  const found = [];
  const seen = (e) => {
    if (!e.checkVisibility()) return false;
    for (let p = e; p; p = p.parentElement) {
      const style = getComputedStyle(p);
      if (style.visibility === "hidden" || style.display === "none") return false;
      if (p.classList.contains("unseen") || p.tagName === "DEFS") return false;
      if (["TITLE", "SCRIPT", "NOSCRIPT", "OPTION"].includes(p.tagName.toUpperCase()))
        return false;
    }
    return true;
  };
  // The part of an area that scrolling and clipping leave.
  const visible = (e, area) => {
    let {left, top, right, bottom} = area;
    for (let p = e.parentElement; p && p !== document.body; p = p.parentElement) {
      const style = getComputedStyle(p);
      if (style.overflowX === "visible" && style.overflowY === "visible" &&
          p.tagName !== "svg") continue;
      const b = p.getBoundingClientRect();
      left = Math.max(left, b.left); right = Math.min(right, b.right);
      top = Math.max(top, b.top); bottom = Math.min(bottom, b.bottom);
    }
    return right - left > 1 && bottom - top > 1 ? {left, top, right, bottom} : null;
  };
  const texts = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode, e = node.parentElement;
    if (!node.data.trim() || !seen(e)) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    for (const area of range.getClientRects()) {
      if (area.width < 1) continue;
      const shown = visible(e, area);
      if (!shown) continue;
      const slack = 0.12 * area.height;  // lines are higher than their letters
      texts.push({node, e, whole: area, floats: !!e.closest("footer"),
        pill: !!e.closest(".pill"), label: e.classList.contains("label"),
        left: shown.left + 1, right: shown.right - 1, top: shown.top + slack,
        bottom: shown.bottom - slack});
    }
  }
  texts.sort((a, b) => a.top - b.top);
  const name = (t) => `"${t.node.data.trim().slice(0, 30)}" (${t.e.tagName}.` +
    `${t.e.getAttribute("class") || t.e.parentElement.getAttribute("class")})`;
  texts.forEach((a, i) => {
    for (let j = i + 1; j < texts.length && texts[j].top < a.bottom; j += 1) {
      const b = texts[j];
      if (a.node === b.node || a.floats !== b.floats || a.pill || b.pill) continue;
      if (a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom)
        found.push(`${name(a)} overlaps ${name(b)}`);
    }
  });
  // What leaves the element that should hold it, where nothing scrolls.
  for (const e of document.querySelectorAll("body *")) {
    if (!e.clientWidth || !seen(e) || e.closest("svg")) continue;
    const style = getComputedStyle(e);
    const over = e.scrollWidth > e.clientWidth + 1 && style.display !== "inline";
    if (over && !["auto", "scroll"].includes(style.overflowX) && e.tagName !== "INPUT")
      found.push(`${e.tagName}.${e.className} is wider than its place`);
    if (e.tagName === "INPUT" && e.type === "text" && e.scrollWidth > e.clientWidth + 1)
      found.push(`the field ${e.getAttribute("aria-label")} cuts "${e.value}"`);
  }
  if (document.documentElement.scrollWidth > innerWidth) found.push("scrolls sideways");
  for (const box of document.querySelectorAll(".box")) {
    const frame = box.querySelector(".frame").getBoundingClientRect();
    for (const t of box.querySelectorAll("text")) {
      const area = t.getBoundingClientRect();
      if (t.textContent && (area.left < frame.left || area.right > frame.right ||
          area.bottom > frame.bottom + 1))
        found.push(`${t.textContent} leaves its box`);
    }
  }
  for (const edge of document.querySelectorAll("path.edge"))
    if (edge.getTotalLength() < 4) found.push(`an edge has no line: ${edge.outerHTML}`);
  for (const label of document.querySelectorAll(".scene .label")) {
    const plate = label.previousElementSibling.getBoundingClientRect();
    const a = label.getBoundingClientRect();
    if (label.textContent && (a.left < plate.left || a.right > plate.right))
      found.push(`a line runs through the label ${label.textContent}`);
  }
  const current = document.querySelector(".box.current .frame");
  const bar = document.querySelector("footer").getBoundingClientRect();
  if (current && !scrollY && innerWidth > 900 && !document.querySelector(".workshop") &&
      current.getBoundingClientRect().bottom > bar.top)
    found.push("the box of the moment is behind the bar");
  const scroller = document.querySelector(".graph .frame");
  if (scroller && document.querySelector("#step").value === "0") {
    const svg = scroller.querySelector("svg");
    if (scroller.scrollLeft || scroller.scrollTop)
      found.push("the graph opens scrolled");
    if (svg.getBoundingClientRect().left < scroller.getBoundingClientRect().left - 1)
      found.push("the graph opens cut off on its left");
  }
  if (scroller && innerWidth < 500 && scroller.scrollWidth > scroller.clientWidth + 8)
    found.push("the graph scrolls sideways on a phone");
  // Colours, blended from the page up to the text.
  const parse = (text) => {
    const n = text.match(/[\d.]+/g).map(Number);
    const scale = text.startsWith("color(") ? 255 : 1;
    return [n[0] * scale, n[1] * scale, n[2] * scale, n[3] === undefined ? 1 : n[3]];
  };
  const over = (top, below) =>
    [0, 1, 2].map((i) => top[3] * top[i] + (1 - top[3]) * below[i]).concat(1);
  const ground = (e) => {
    const layers = [];
    for (let p = e; p; p = p.parentElement) {
      const style = getComputedStyle(p);
      if (p.tagName === "g" && p.classList.contains("box"))
        layers.push(parse(getComputedStyle(p.querySelector(".frame")).fill));
      if (e.classList.contains("entry") && p === e) {
        const cell = getComputedStyle(e.previousElementSibling);
        const c = parse(cell.fill);
        c[3] *= Number(cell.fillOpacity);
        layers.push(c);
      }
      if (p.tagName === "g" && p.classList.contains("pill"))
        layers.push(parse(getComputedStyle(p.querySelector("rect")).fill));
      if (!(p instanceof SVGElement)) layers.push(parse(style.backgroundColor));
    }
    const paper = [255, 255, 255, 1];
    return layers.reverse().reduce((below, top) => over(top, below), paper);
  };
  const light = (c) => {
    const [r, g, b] = c.slice(0, 3).map((x) => {
      const v = x / 255;
      return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const done = new Set();
  for (const t of texts) {
    const style = getComputedStyle(t.e), svg = t.e.closest("svg");
    const scale = svg && t.e.getScreenCTM ? t.e.getScreenCTM().a : 1;
    const size = parseFloat(style.fontSize) * scale;
    if (size < smallest - 0.05) found.push(`${name(t)} has ${size.toFixed(1)} px`);
    const disabled = t.e.closest(":disabled");
    const key = `${t.e.getAttribute("class")} ${style.color} ${style.fill}`;
    if (disabled || (done.has(key) && !t.e.classList.contains("entry"))) continue;
    done.add(key);
    const below = ground(t.e);
    let ink = parse(svg ? style.fill : style.color);
    for (let p = t.e; p; p = p.parentElement) ink[3] *= getComputedStyle(p).opacity;
    ink = over(ink, below);
    const [a, b] = [light(ink), light(below)].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < (size >= 24 ? 3 : 4.5))
      found.push(`${name(t)} has a contrast of ${ratio.toFixed(2)}`);
  }
  return [...new Set(found)];
}"""
"""What is wrong with how the page looks, in words."""

MOMENTS = ("start", "middle", "end")


def resize(page, width, height):
    """Give a page a size, and wait until it is drawn so."""
    page.set_viewport_size({"width": width, "height": height})
    page.evaluate(
        "() => new Promise(drawn => requestAnimationFrame(() =>"
        " requestAnimationFrame(() => setTimeout(drawn))))"
    )


def at_moment(page, moment):
    """Bring a page to its start, its middle or its end."""
    last = int(page.get_attribute("#step", "max"))
    step = {"start": 0, "middle": (2 * last) // 3, "end": last}[moment]
    page.evaluate(
        "n => { const s = document.getElementById('step'); s.value = n;"
        " s.dispatchEvent(new Event('input')); }",
        step,
    )


def faults(page, name):
    """Return the faults of a page in all sizes, schemes and moments, in words."""
    found = []
    for width, height in WIDTHS.items():
        resize(page, width, height)
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            for moment in MOMENTS:
                at_moment(page, moment)
                where = f"{name} at {width}, {scheme}, {moment}: "
                found += [where + f for f in page.evaluate(FAULTS, SMALLEST)]
    return found


def pictures(page, name, folder):
    """Save the screenshots of a page: the window, and at the end all of it."""
    for width, height in WIDTHS.items():
        resize(page, width, height)
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            for moment in MOMENTS:
                at_moment(page, moment)
                path = folder / f"{name}-{width}-{scheme}-{moment}.png"
                page.screenshot(path=path, full_page=moment == "end")


def main(folder, *names):
    """Make the screenshots of all or some functions, and print what is wrong."""
    from playwright.sync_api import sync_playwright

    from tests.browser.conftest import ARGUMENTS, chromium_path

    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium_path(), args=ARGUMENTS
        )
        page = browser.new_page()
        for name, (f, args) in FUNCTIONS.items():
            if names and name not in names:
                continue
            path = gd.explain(f)(*args).save(target / f"{name}.html")
            page.goto(path.absolute().as_uri())
            page.wait_for_selector("#step")
            pictures(page, name, target)
            for fault in faults(page, name):
                print(fault)
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
