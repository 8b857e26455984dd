// The system as a picture: processes, servers, and the connections between them.

import { byId, make, plain } from "./dom.js";

let drawn = "";

// Clients on the left; the processes by the role in their names; the servers between them.
function positions(parts) {
  const at = { client: [70, 190] };
  const rows = { api: [], relay: [], consumer: [], other: [] };
  for (const { name } of parts) {
    if (name === "postgres") at[name] = [440, 190];
    else if (name === "rabbitmq") at[name] = [880, 190];
    else (rows[plain(name)] ?? rows.other).push(name);
  }
  const spread = (names, x, from, to) => names.forEach((name, index) => {
    at[name] = [x, from + ((to - from) * (index + 1)) / (names.length + 1)];
  });
  spread(rows.api, 245, 20, 360);
  spread(rows.relay, 660, 0, 190);
  spread(rows.consumer, 660, 190, 380);
  spread(rows.other, 660, 130, 250);
  return at;
}

function topology(picture) {
  return JSON.stringify([picture.run, picture.parts.map((part) => part.name), picture.edges.map((edge) => edge.from + ">" + edge.to)]);
}

function focusable(group, place, label, choose) {
  group.setAttribute("data-place", place);
  if (!choose) return;
  group.setAttribute("tabindex", "0");
  group.setAttribute("role", "button");
  group.setAttribute("aria-label", label);
  group.addEventListener("click", () => choose(place));
  group.addEventListener("keydown", (event) => {
    if (event.key === "Enter" || event.key === " ") { event.preventDefault(); choose(place); }
  });
}

function draw(picture, choose) {
  const system = byId("system");
  system.replaceChildren();
  const at = positions(picture.parts);
  // Above everything else, for they may be wide.
  const labels = [];
  for (const { from, to } of picture.edges) {
    if (!at[from] || !at[to]) continue;
    const place = from + " -> " + to;
    const group = make("svg:g", { class: "edge" });
    const [x1, y1] = at[from], [x2, y2] = at[to];
    group.append(make("svg:line", { x1, y1, x2, y2 }));
    focusable(group, place, "break " + place, choose);
    system.append(group);
    const label = make("svg:g", { class: "label", "data-label": place });
    label.append(make("svg:text", { class: "what", x: (x1 + x2) / 2, y: (y1 + y2) / 2 - 13 }));
    label.append(make("svg:text", { class: "rate", x: (x1 + x2) / 2, y: (y1 + y2) / 2 + 4 }));
    labels.push(label);
  }
  const boxes = [{ name: "client" }, ...picture.parts];
  for (const { name } of boxes) {
    if (!at[name]) continue;
    const [x, y] = at[name];
    const tall = name === "postgres" || name === "rabbitmq" ? 74 : 46;
    const group = make("svg:g", { class: "part" });
    group.append(make("svg:rect", { x: x - 58, y: y - tall / 2, width: 116, height: tall, rx: 4 }));
    group.append(make("svg:text", { class: "name", x, y: y - 2 }, name === "client" ? "clients" : name));
    group.append(make("svg:text", { class: "state", x, y: y + 15 }));
    if (name === "client") group.setAttribute("data-place", name); else focusable(group, name, "break " + name, choose);
    system.append(group);
  }
  system.append(...labels);
}

export function mark(chosen) {
  for (const group of document.querySelectorAll("#system [data-place]")) {
    group.classList.toggle("chosen", [group.dataset.place, plain(group.dataset.place)].includes(chosen));
  }
}

// Whatever is pressed there is told to `choose`, if there is one.
export function paint(picture, chosen, choose) {
  const now = topology(picture);
  if (now !== drawn) { drawn = now; draw(picture, choose); }
  const group = (place) => document.querySelector('#system [data-place="' + place + '"]');
  for (const edge of picture.edges) {
    const own = group(edge.from + " -> " + edge.to);
    if (!own) continue;
    const label = document.querySelector('#system [data-label="' + own.dataset.place + '"]');
    for (const one of [own, label]) one.classList.toggle("hit", edge.hit.length > 0);
    label.querySelector(".what").textContent = edge.hit.join(", ");
    label.querySelector(".rate").textContent = Math.round(edge.per_second) + "/s, " + edge.connections;
  }
  for (const part of picture.parts) {
    const own = group(part.name);
    if (!own) continue;
    own.setAttribute("class", ["part", part.state, part.hit.length > 0 ? "hit" : ""].join(" ").trim());
    own.querySelector(".state").textContent = part.hit.length > 0 ? part.hit.join(", ") : part.state === "up" ? "" : part.state;
  }
  const clients = group("client");
  if (clients) clients.querySelector(".state").textContent = picture.rate === null ? "" : picture.rate + "/s";
  mark(chosen);
}
