// Shows each picture that comes over the stream of events, and sends what is pressed.

import { charts, hatch } from "./charts.js";
import { byId, listed, make, plain, put, seconds } from "./dom.js";
import { mark, paint } from "./system.js";

let before = { choices: [], most: 0, past: [] };
let samples = [];
let picture = null;
let chosen = "";

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
  mark(chosen);
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
  paint(picture, chosen, byId("place") ? choose : null);
  counts();
  charts(samples, picture.faults);
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
    const { counts, at_ms } = picture;
    if (picture.parts.length > 0 && (samples.length === 0 || samples[samples.length - 1].at_ms < at_ms)) samples.push({ at_ms, counts });
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
  select.addEventListener("change", () => { chosen = select.value; offer(); mark(chosen); });
  byId("rate").addEventListener("input", (event) => put("rated", event.target.value));
  byId("rate").addEventListener("change", (event) => order("rate", { per_second: Number(event.target.value) }));
  byId("one").addEventListener("click", () => order("one"));
  byId("judge").addEventListener("click", () => order("judge"));
  byId("end").addEventListener("click", () => order("end"));
}
byId("feed").addEventListener("change", follow);
document.body.append(hatch());
listen();
