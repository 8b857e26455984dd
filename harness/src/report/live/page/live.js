"use strict";
// Shows each picture that comes over the stream of events, and sends what is pressed.

const byId = (id) => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 960, HEIGHT = 120, LEFT = 44;

let before = { choices: [], most: 0, past: [] };
let samples = [];
let picture = null;
let drawn = "";
let chosen = "";

function make(name, attributes = {}, text = null) {
  const element = name.startsWith("svg:") ? document.createElementNS(SVG, name.slice(4)) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== null) element.textContent = text;
  return element;
}

function put(id, text) {
  const element = byId(id);
  if (element && element.textContent !== text) element.textContent = text;
}

const seconds = (ms) => (ms / 1000).toFixed(1) + " s";

// --- What is pressed ---------------------------------------------------------------------------------------------

async function order(what, body) {
  try {
    const answer = await fetch(what, {
      method: "POST",
      headers: body === undefined ? {} : { "content-type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    put("answer", answer.ok ? "" : await answer.text());
  } catch {
    put("answer", "the lab does not answer");
  }
}

function lasts() {
  const value = document.querySelector("input[name=lasts]:checked").value;
  return value === "" ? null : Number(value);
}

// What is broken at `relay` is broken at `relay 2`, too.
const plain = (name) => name.replace(/ \d+/g, "");

function choose(place) {
  const select = byId("place");
  if (!select) return;
  const values = [...select.options].map((option) => option.value);
  const wanted = [place, plain(place)].find((value) => values.includes(value));
  if (wanted === undefined) {
    put("answer", "nothing of the catalogue can be done to " + place);
    return;
  }
  select.value = wanted;
  chosen = wanted;
  offer();
  select.focus();
  mark();
}

function offer() {
  const choices = byId("choices");
  const at = chosen;
  choices.replaceChildren(...before.choices.map((choice, index) => [choice, index]).filter(([choice]) => choice.place === at).map(([choice, index]) => {
    const button = make("button", { type: "button", "data-choice": index }, choice.name);
    button.addEventListener("click", () => order("break", { choice: index, lasts_ms: lasts() }));
    return button;
  }));
  enable();
}

function places() {
  const select = byId("place");
  if (!select) return;
  const names = [...new Set(before.choices.map((choice) => choice.place))];
  select.replaceChildren(...names.map((name) => make("option", { value: name }, name)));
  chosen = names.includes(chosen) ? chosen : names.includes("relay -> rabbitmq") ? "relay -> rabbitmq" : names[0] ?? "";
  select.value = chosen;
  offer();
}

function enable() {
  const open = picture !== null && picture.open && !picture.over;
  for (const button of document.querySelectorAll("#choices button, #one, #judge, #end, #rate, #faults button")) button.disabled = !open;
}

// --- The system as a picture -------------------------------------------------------------------------------------

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

function topology() {
  return JSON.stringify([picture.run, picture.parts.map((part) => part.name), picture.edges.map((edge) => edge.from + ">" + edge.to)]);
}

function focusable(group, place, label) {
  group.setAttribute("data-place", place);
  if (!byId("place")) return;
  group.setAttribute("tabindex", "0");
  group.setAttribute("role", "button");
  group.setAttribute("aria-label", label);
  group.addEventListener("click", () => choose(place));
  group.addEventListener("keydown", (event) => {
    if (event.key === "Enter" || event.key === " ") { event.preventDefault(); choose(place); }
  });
}

function draw() {
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
    focusable(group, place, "break " + place);
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
    if (name === "client") group.setAttribute("data-place", name); else focusable(group, name, "break " + name);
    system.append(group);
  }
  system.append(...labels);
}

function mark() {
  for (const group of document.querySelectorAll("#system [data-place]")) {
    group.classList.toggle("chosen", [group.dataset.place, plain(group.dataset.place)].includes(chosen));
  }
}

function paint() {
  const now = topology();
  if (now !== drawn) { drawn = now; draw(); }
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
  mark();
}

// --- Over time ---------------------------------------------------------------------------------------------------

// What a count grew by each second, over a second.
function speeds(of) {
  const points = [];
  let old = 0;
  for (let at = 1; at < samples.length; at++) {
    while (samples[at].at_ms - samples[old + 1].at_ms >= 1000) old++;
    const span = samples[at].at_ms - samples[old].at_ms;
    if (span > 0) points.push([samples[at].at_ms, (Math.max(0, of(samples[at]) - of(samples[old])) * 1000) / span]);
  }
  return points;
}

function chart(id, lines) {
  const svg = byId(id);
  const first = samples.length > 0 ? samples[0].at_ms : 0;
  const last = Math.max(first + 10000, samples.length > 0 ? samples[samples.length - 1].at_ms : 0);
  let top = 1;
  for (const [, points] of lines) for (const [, value] of points) top = Math.max(top, value);
  const x = (ms) => LEFT + ((ms - first) / (last - first)) * (WIDTH - LEFT - 6);
  const y = (value) => HEIGHT - 20 - (value / top) * (HEIGHT - 34);
  const drawing = [];
  for (const fault of picture.faults) {
    if (fault.from_ms === null || fault.failed !== null) continue;
    const from = Math.max(LEFT, x(fault.from_ms)), to = x(fault.until_ms ?? last);
    if (to > from) drawing.push(make("svg:rect", { class: "band", x: from, y: 4, width: Math.max(2, to - from), height: HEIGHT - 24 }));
  }
  drawing.push(make("svg:line", { class: "axis", x1: LEFT, y1: HEIGHT - 20, x2: WIDTH - 6, y2: HEIGHT - 20 }));
  drawing.push(make("svg:text", { x: 4, y: 16 }, String(Math.round(top))), make("svg:text", { x: 4, y: HEIGHT - 20 }, "0"));
  drawing.push(make("svg:text", { x: LEFT, y: HEIGHT - 4 }, seconds(first)), make("svg:text", { x: WIDTH - 50, y: HEIGHT - 4 }, seconds(last)));
  for (const [colour, points] of lines) {
    drawing.push(make("svg:polyline", { class: colour, points: points.map(([ms, value]) => x(ms).toFixed(1) + "," + y(value).toFixed(1)).join(" ") }));
  }
  svg.replaceChildren(...drawing);
}

function charts() {
  chart("answers", [["blue", speeds((sample) => sample.accepted)], ["orange", speeds((sample) => sample.denied)]]);
  chart("backlog", [["blue", samples.map((sample) => [sample.at_ms, sample.backlog])]]);
  chart("heard", [["blue", speeds((sample) => sample.deliveries)], ["orange", speeds((sample) => sample.applied)]]);
}

// --- Tables and lists --------------------------------------------------------------------------------------------

const COUNTS = [
  ["asked for", "asked"], ["told stored", "accepted"], ["refused", "refused"], ["not told", "unknown"], ["stored", "stored"],
  ["backlog", "backlog"], ["sent", "sent"], ["given up", "given_up"], ["heard", "deliveries"], ["different messages", "messages"],
  ["took effect", "applied"], ["parked", "parked"],
];
const PHASES = { due: "to come", asked: "being done", applied: "in place", healed: "gone", failed: "never came to be" };

function counts() {
  const list = byId("counts");
  if (list.children.length === 0) {
    for (const [name, key] of COUNTS) {
      const item = make("div");
      item.append(make("dt", {}, name), make("dd", { id: "count-" + key }, "0"));
      list.append(item);
    }
  }
  for (const [, key] of COUNTS) put("count-" + key, String(picture.counts[key]));
}

function did(fault) {
  const bites = Object.entries(fault.bites).map(([what, count]) => what.replaceAll("_", " ") + " " + count);
  if (bites.length > 0) return bites.join(", ");
  if (fault.failed !== null) return fault.failed;
  return fault.phase === "healed" ? "nothing: it did not bite" : "";
}

// Rows stay where they are: whoever is about to press a button must find it there.
function faults() {
  const body = byId("faults");
  const plays = byId("place") !== null;
  while (body.children.length > picture.faults.length) body.lastChild.remove();
  picture.faults.forEach((fault, index) => {
    let row = body.children[index];
    if (!row) {
      row = make("tr");
      for (let cell = 0; cell < 5; cell++) row.append(make("td"));
      if (plays) {
        const button = make("button", { type: "button", "data-heal": fault.number }, "Heal");
        button.addEventListener("click", () => order("heal", { fault: fault.number }));
        const cell = make("td");
        cell.append(button);
        row.append(cell);
      }
      body.append(row);
    }
    const since = fault.from_ms === null ? "" : " · " + seconds((fault.until_ms ?? picture.at_ms) - fault.from_ms);
    const good = fault.caught_up_ms === null ? "" : seconds(fault.caught_up_ms);
    [fault.on, fault.what, PHASES[fault.phase] + since, did(fault), good].forEach((text, cell) => {
      if (row.children[cell].textContent !== text) row.children[cell].textContent = text;
    });
    if (plays) row.lastChild.firstChild.hidden = !["asked", "applied"].includes(fault.phase);
  });
}

function listed(id, lines) {
  const list = byId(id);
  if (!list) return;
  const same = list.children.length === lines.length && lines.every((line, index) => list.children[index].textContent === line);
  if (same) return;
  list.replaceChildren(...lines.map((line) => make("li", {}, line)));
  list.scrollTop = list.scrollHeight;
}

function followed() {
  const one = picture.followed;
  if (!one || !byId("followed")) return;
  put("followed-id", one.id);
  const first = one.steps.length > 0 ? one.steps[0][0] : 0;
  listed("followed", one.steps.map(([ms, what]) => "+" + (ms - first) + " ms  " + what));
}

function verdicts() {
  const told = (one) => one.verdict + "  " + one.name + " at " + seconds(one.at_ms) + (one.last ? ", the whole run" : "") + ": " + one.reason + " · " + one.checkers + " checkers" + (one.folder === null ? "" : " · files: " + one.folder);
  listed("verdicts", picture.verdicts.map(told));
  listed("said", picture.said);
  const own = picture.verdicts.filter((one) => one.run === picture.run);
  const last = own[own.length - 1];
  const badge = byId("verdict");
  badge.className = "verdict " + (last ? last.verdict : "");
  put("verdict", last ? last.verdict + (last.last ? "" : " until " + seconds(last.at_ms)) : "not judged yet");
}

// --- The target's own feed ---------------------------------------------------------------------------------------

let follows = null;
let followsWhat = "";

// Ids are long, and say nothing to whoever looks.
const isShort = ([, value]) => typeof value !== "object" && !/^[0-9a-f-]{36}$/.test(value);

function tell(event) {
  let text = event.data;
  try {
    text = Object.entries(JSON.parse(event.data)).filter(isShort).map(([name, value]) => name + " " + value).join(" · ");
  } catch { /* It is no JSON, and shown as it is. */ }
  const list = byId("told");
  list.prepend(make("li", {}, event.type + "  " + text));
  while (list.children.length > 8) list.lastChild.remove();
}

function feeds() {
  const select = byId("feed");
  byId("feeds").hidden = picture.feeds.length === 0;
  const what = picture.run + " " + picture.feeds.map((feed) => feed.name).join("\n");
  if (what === followsWhat) return;
  followsWhat = what;
  select.replaceChildren(...picture.feeds.map((feed, index) => make("option", { value: index }, feed.name)));
  follow();
}

function follow() {
  if (follows) follows.close();
  byId("told").replaceChildren();
  if (picture.feeds.length === 0) return;
  const number = Number(byId("feed").value);
  const own = new EventSource("feed/" + number);
  for (const name of ["message", ...picture.feeds[number].events]) own.addEventListener(name, tell);
  follows = own;
}

// --- What comes --------------------------------------------------------------------------------------------------

function show() {
  put("name", picture.name || "Outbox lab");
  document.title = (picture.name || "Outbox lab") + ", live";
  put("story", picture.story);
  put("stage", picture.over ? "over" : picture.stage || "starting");
  put("clock", seconds(picture.at_ms));
  const rate = byId("rate");
  if (rate && picture.rate !== null && document.activeElement !== rate) {
    rate.value = picture.rate;
    put("rated", String(picture.rate));
  }
  paint();
  counts();
  charts();
  faults();
  followed();
  verdicts();
  feeds();
  enable();
}

function listen() {
  const events = new EventSource("events");
  events.addEventListener("before", (event) => {
    before = JSON.parse(event.data);
    samples = before.past;
    const rate = byId("rate");
    if (rate) rate.max = before.most;
    places();
    put("link", "connected");
  });
  events.addEventListener("picture", (event) => {
    const old = picture;
    picture = JSON.parse(event.data);
    if (old !== null && old.run !== picture.run) samples = [];
    const { counts, run, at_ms } = picture;
    if (picture.parts.length > 0 && (samples.length === 0 || samples[samples.length - 1].at_ms < at_ms)) {
      samples.push({ run, at_ms, accepted: counts.accepted, denied: counts.refused + counts.unknown, backlog: counts.backlog, deliveries: counts.deliveries, applied: counts.applied });
    }
    if (samples.length > 4800) samples = samples.filter((_, index) => index % 2 === 0);
    show();
    if (picture.over) {
      events.close();
      if (follows) follows.close();
      put("link", "over: the lab has ended, and this is what was seen last");
    }
  });
  events.addEventListener("error", () => {
    if (picture !== null && picture.over) return;
    put("link", "not connected: the lab has ended, or is busy");
    if (picture !== null) { picture.open = false; enable(); }
  });
}

const select = byId("place");
if (select) {
  select.addEventListener("change", () => { chosen = select.value; offer(); mark(); });
  byId("rate").addEventListener("input", (event) => put("rated", event.target.value));
  byId("rate").addEventListener("change", (event) => order("rate", { per_second: Number(event.target.value) }));
  byId("one").addEventListener("click", () => order("one"));
  byId("judge").addEventListener("click", () => order("judge"));
  byId("end").addEventListener("click", () => order("end"));
}
byId("feed").addEventListener("change", follow);
document.body.append(hatch());
listen();

// The same hatching as in the report.
function hatch() {
  const svg = make("svg:svg", { width: 0, height: 0, "aria-hidden": "true" });
  const pattern = make("svg:pattern", { id: "hatch", width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" });
  pattern.append(make("svg:rect", { class: "hatching", width: 3, height: 6 }));
  svg.append(pattern);
  return svg;
}
