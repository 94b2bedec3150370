"""What a test asks a browser about how a page looks, as functions in the browser's own language."""

from typing import Final

CONTRASTS: Final = """() => {
  const parts = (text) => {
    const [red, green, blue, alpha = 1] = text.match(/[\\d.]+/g).map(Number);
    return { colour: [red, green, blue], alpha };
  };
  const linear = (part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
  const light = (colour) => {
    const [red, green, blue] = colour.map((part) => linear(part / 255));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const under = (element) => {
    for (; element; element = element.parentElement) {
      const { colour, alpha } = parts(getComputedStyle(element).backgroundColor);
      if (alpha === 1) return colour;
    }
    return [255, 255, 255];
  };
  const found = {};
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node; (node = walker.nextNode()); ) {
    const element = node.parentElement;
    const text = node.data.trim();
    if (!text || !element.checkVisibility() || element.closest(".unseen, template, noscript")) continue;
    const [low, high] = [light(parts(getComputedStyle(element).color).colour), light(under(element))].sort();
    found[`${element.tagName}.${element.className}: ${text.slice(0, 40)}`] = (high + 0.05) / (low + 0.05);
  }
  return found;
}"""
"""Every text that can be seen, with the contrast of its colour to what is painted under it (WCAG 2.2, 1.4.3)."""

NAMELESS: Final = """() =>
  [...document.querySelectorAll("button, select, input, a[href], img, dialog, fieldset")]
    .filter((element) => element.checkVisibility() && element.alt !== "")
    .filter((element) => !element.getAttribute("aria-label") && !element.getAttribute("aria-labelledby"))
    .filter((element) => !element.alt && !element.labels?.length && !element.textContent.trim())
    .filter((element) => !element.querySelector("img[alt]:not([alt=''])"))
    .map((element) => element.outerHTML)
"""
"""Whatever can be operated or seen, and has nothing that a screen reader could call it."""

SMALL: Final = """() =>
  [...document.querySelectorAll("button, select, a.button")]
    .filter((element) => element.checkVisibility())
    .filter((element) => Math.min(element.offsetWidth, element.offsetHeight) < 40)
    .map((element) => element.outerHTML)
"""
"""What a finger is to hit, and has a side under 40 pixels (WCAG 2.2, 2.5.8 asks for 24)."""

CUT_OFF: Final = """() =>
  [...document.querySelectorAll(".card p, .card h3, .draft p, .notice, .wrong")]
    .filter((element) => element.checkVisibility() && element.scrollWidth > element.clientWidth + 1)
    .map((element) => element.outerHTML)
"""
"""Every text of which a part lies outside its place."""

TOUCHED: Final = """() => {
  window.touched = new Set();
  const watcher = new MutationObserver((changes) => {
    for (const { target } of changes) touched.add(target.closest(".card")?.dataset.id ?? target.id);
  });
  watcher.observe(document.getElementById("tasks"), { subtree: true, childList: true, attributes: true });
}"""
"""Begin to collect, in `touched`, the ids of the tasks whose cards are changed in any way."""
