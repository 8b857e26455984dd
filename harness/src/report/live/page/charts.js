// What was counted, over time, with the faults as hatched bands.

import { byId, make, seconds } from "./dom.js";

const WIDTH = 960, HEIGHT = 120, LEFT = 44;

// What a count grew by each second, over a second.
function speeds(samples, of) {
  const points = [];
  let old = 0;
  for (let at = 1; at < samples.length; at++) {
    while (samples[at].at_ms - samples[old + 1].at_ms >= 1000) old++;
    const span = samples[at].at_ms - samples[old].at_ms;
    if (span > 0) points.push([samples[at].at_ms, (Math.max(0, of(samples[at]) - of(samples[old])) * 1000) / span]);
  }
  return points;
}

function chart(id, lines, samples, faults) {
  const svg = byId(id);
  const first = samples.length > 0 ? samples[0].at_ms : 0;
  const last = Math.max(first + 10000, samples.length > 0 ? samples[samples.length - 1].at_ms : 0);
  let top = 1;
  for (const [, points] of lines) for (const [, value] of points) top = Math.max(top, value);
  const x = (ms) => LEFT + ((ms - first) / (last - first)) * (WIDTH - LEFT - 6);
  const y = (value) => HEIGHT - 20 - (value / top) * (HEIGHT - 34);
  const drawing = [];
  for (const fault of faults) {
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

export function charts(samples, faults) {
  const speed = (of) => speeds(samples, ({ counts }) => of(counts));
  chart("answers", [["blue", speed((counts) => counts.accepted)], ["orange", speed((counts) => counts.refused + counts.unknown)]], samples, faults);
  chart("backlog", [["blue", samples.map(({ at_ms, counts }) => [at_ms, counts.backlog])]], samples, faults);
  chart("heard", [["blue", speed((counts) => counts.deliveries)], ["orange", speed((counts) => counts.applied)]], samples, faults);
}

// The same hatching as in the report.
export function hatch() {
  const svg = make("svg:svg", { width: 0, height: 0, "aria-hidden": "true" });
  const pattern = make("svg:pattern", { id: "hatch", width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" });
  pattern.append(make("svg:rect", { class: "hatching", width: 3, height: 6 }));
  svg.append(pattern);
  return svg;
}
