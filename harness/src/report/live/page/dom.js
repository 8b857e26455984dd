// Elements, found, made and filled.

export const byId = (id) => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";

export function make(name, attributes = {}, text = null) {
  const element = name.startsWith("svg:") ? document.createElementNS(SVG, name.slice(4)) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== null) element.textContent = text;
  return element;
}

export function put(id, text) {
  const element = byId(id);
  if (element && element.textContent !== text) element.textContent = text;
}

export const seconds = (ms) => (ms / 1000).toFixed(1) + " s";

// Lines that are as they were stay, for whoever is about to mark them.
export function listed(id, lines) {
  const list = byId(id);
  if (!list) return;
  const same = list.children.length === lines.length && lines.every((line, index) => list.children[index].textContent === line);
  if (same) return;
  list.replaceChildren(...lines.map((line) => make("li", {}, line)));
  list.scrollTop = list.scrollHeight;
}

// What is broken at `relay` is broken at `relay 2`, too.
export const plain = (name) => name.replace(/ \d+/g, "");
