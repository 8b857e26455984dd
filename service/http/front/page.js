"use strict";
// Opens an auction, bids, and shows the live feed.

const byId = (id) => document.getElementById(id);
const MOST_ROWS = 100;
const TRIES = 8;

let auction = null;
let feed = null;
let bids = 0;

// A v4 UUID; `crypto.randomUUID` is not there over plain HTTP from another machine.
function uuid() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

// Of a yen there is no smaller unit, of a euro there are a hundred.
function price(amount) {
  try {
    const format = new Intl.NumberFormat(undefined, { style: "currency", currency: auction.currency });
    return format.format(amount / 10 ** format.resolvedOptions().maximumFractionDigits);
  } catch {
    return amount + " " + auction.currency;
  }
}

const say = (text) => { byId("answer").textContent = text; };

async function problem(answer) {
  try {
    const document = await answer.json();
    return document.detail || document.title;
  } catch {
    return "status " + answer.status;
  }
}

const post = (path, body) => fetch(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });

// A bid that nobody knows the fate of is sent again with the same id: it is placed once, however often that is.
async function place(who, amount) {
  const own = auction.auction_id;
  const bid = { bid_id: uuid(), user_id: who, amount };
  for (let tried = 1; tried <= TRIES; tried++) {
    try {
      const answer = await post("auctions/" + own + "/bids", bid);
      if (answer.ok) {
        const placed = await answer.json();
        return say("stored as bid no. " + placed.sequence + (tried > 1 ? ", at try " + tried : ""));
      }
      if (answer.status < 500) return say("refused: " + (await problem(answer)));
      say("try " + tried + ": " + (await problem(answer)));
    } catch {
      say("try " + tried + ": no answer");
    }
    await new Promise((done) => setTimeout(done, 250 * tried));
  }
  say("nobody knows whether it is stored: ask again with bid_id " + bid.bid_id);
}

function cell(row, text) {
  const cell = document.createElement("td");
  cell.textContent = text;
  row.append(cell);
}

function show(bid) {
  bids = bid.sequence;
  const row = document.createElement("tr");
  for (const text of [bid.sequence, bid.user_id, price(bid.amount), new Date(bid.placed_at).toLocaleTimeString()]) cell(row, text);
  const body = byId("bids");
  body.prepend(row);
  while (body.children.length > MOST_ROWS) body.lastChild.remove();
  highest(bid.amount);
}

function highest(amount) {
  byId("highest").textContent = amount === null ? "no bid yet, from " + price(auction.starting_price) : price(amount);
  const least = amount === null ? auction.starting_price : amount + 1;
  const input = byId("bid-amount");
  input.min = least;
  if (document.activeElement !== input || Number(input.value) < least) input.value = amount === null ? least : amount + 100;
}

// What is not kept for feeds any more is read from the list.
async function fill(after, until) {
  try {
    const answer = await fetch("auctions/" + auction.auction_id + "/bids?after=" + Math.max(after, until - MOST_ROWS) + "&limit=" + MOST_ROWS);
    if (!answer.ok) return;
    for (const bid of (await answer.json()).bids) if (bid.sequence <= until && bid.sequence > bids) show(bid);
  } catch { /* The feed goes on, and says what follows. */ }
}

// Events are shown in their order, also where one of them has to be read up on.
let shown = Promise.resolve();
const inTurn = (work) => { shown = shown.then(work).catch(() => {}); };

function follow() {
  feed = new EventSource("auctions/" + auction.auction_id + "/live");
  feed.addEventListener("open", () => { byId("feed").textContent = "live"; });
  feed.addEventListener("error", () => {
    byId("feed").textContent = feed.readyState === EventSource.CLOSED ? "the feed was refused; load the page again" : "connecting again";
  });
  const told = (name, take) => feed.addEventListener(name, (event) => inTurn(() => take(JSON.parse(event.data))));
  told("standing", (standing) => {
    highest(standing.highest_amount);
    return bids === 0 && standing.last_sequence > 0 ? fill(0, standing.last_sequence) : undefined;
  });
  told("bid", show);
  told("gap", (gap) => fill(gap.after, gap.until));
}

async function watch(id) {
  if (feed) feed.close();
  feed = null;
  bids = 0;
  byId("bids").replaceChildren();
  byId("auction").hidden = true;
  byId("opening").hidden = id !== "";
  say("");
  if (id === "") return;
  let answer;
  try {
    answer = await fetch("auctions/" + encodeURIComponent(id));
  } catch {
    byId("opening").hidden = false;
    return refuse("no answer; try again");
  }
  if (!answer.ok) {
    byId("opening").hidden = false;
    return refuse(await problem(answer));
  }
  auction = await answer.json();
  byId("title").textContent = auction.title;
  document.title = auction.title + ", live auction";
  byId("link").href = "#" + auction.auction_id;
  byId("state").textContent = auction.open ? "open until " + new Date(auction.closes_at).toLocaleString() : "closed";
  byId("bid-send").disabled = !auction.open;
  byId("auction").hidden = false;
  highest(auction.highest_amount);
  follow();
}

function refuse(text) {
  const at = byId("opening");
  let said = byId("said");
  if (!said) {
    said = document.createElement("p");
    said.id = "said";
    said.setAttribute("role", "alert");
    at.append(said);
  }
  said.textContent = text;
}

byId("open").addEventListener("submit", async (event) => {
  event.preventDefault();
  const minutes = Number(byId("open-minutes").value);
  try {
    const answer = await post("auctions", {
      title: byId("open-title").value,
      currency: byId("open-currency").value,
      starting_price: Number(byId("open-price").value),
      closes_at: new Date(Date.now() + minutes * 60000).toISOString(),
    });
    if (!answer.ok) return refuse(await problem(answer));
    location.hash = (await answer.json()).auction_id;
  } catch {
    refuse("no answer; try again");
  }
});
byId("go").addEventListener("submit", (event) => { event.preventDefault(); location.hash = byId("go-id").value; });
byId("bid").addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = byId("bid-send");
  button.disabled = true;
  await place(byId("bid-who").value, Number(byId("bid-amount").value));
  button.disabled = false;
});
byId("leave").addEventListener("click", (event) => { event.preventDefault(); location.hash = ""; });
window.addEventListener("hashchange", () => watch(location.hash.slice(1)));
watch(location.hash.slice(1));
