/** What happens while the page is open: the event stream, and the list after every new connection. */

import { bornAt, cards, count, forget, show, turn } from "./cards.js";
import { $, note } from "./kit.js";
import { ask, Problem } from "./server.js";

const ON_SHOW = 200; // tasks read at the start; older ones on demand
const PAGE = 50; // tasks an answer
const PAUSE_MOST_MS = 15_000;
const AGAIN_MS = 5000; // until the list is read again after it could not be

/** Follow the stream for as long as the page is open; the browser comes back by itself, with Last-Event-ID. */
export function watch(failures = 0) {
  const source = new EventSource("events");
  source.addEventListener("open", () => {
    failures = 0;
    link(true, "Live");
    readAgain();
  });
  source.addEventListener("task", (event) => show(JSON.parse(event.data)));
  source.addEventListener("bye", () => link(false, "The server restarts; nothing is lost"));
  source.addEventListener("error", () => {
    if ($("link").dataset.link === "on") link(false, "Connecting again…");
    if (source.readyState !== EventSource.CLOSED) return;
    // The browser has given up: the answer was no stream (a proxy's 502, or we are not known any more).
    readAgain(); // says what is wrong
    setTimeout(watch, Math.min(PAUSE_MOST_MS, 1000 * 2 ** failures), failures + 1);
  });
}

function link(on, text) {
  $("link").dataset.link = on ? "on" : "off";
  note("link-text", text);
}

let older = null; // cursor of what is not shown yet
let reading = null;

/** Read as much of the list as is shown, and drop what is no longer in it. */
function readAgain() {
  reading ??= readFromTop().finally(() => (reading = null));
}

async function readFromTop() {
  const unseen = new Map(cards); // what comes in meanwhile is not missing from the list
  const found = await readList(null, Math.max(ON_SHOW, cards.size));
  if (!found) return setTimeout(readAgain, AGAIN_MS);
  for (const task of found) unseen.delete(task.id);
  const last = older ? Date.parse(found.at(-1).created_at) : -Infinity;
  for (const [id, { card }] of unseen) if (bornAt(card) > last) forget(id);
  count();
}

export const readOlder = () => readList(older, ON_SHOW);

/** Show *most* tasks from *cursor* on, and return them; null where the server did not answer. */
async function readList(cursor, most) {
  const found = [];
  try {
    do {
      const asked = turn();
      const page = await ask(`tasks?limit=${PAGE}${cursor ? `&before=${encodeURIComponent(cursor)}` : ""}`);
      for (const task of page.tasks) show(task, asked);
      found.push(...page.tasks);
      cursor = page.next;
    } while (cursor && found.length < most);
  } catch (error) {
    if (error instanceof Problem) note("trouble", `The list could not be read. ${error.message}`);
    return null;
  }
  older = cursor;
  $("older").hidden = !older;
  note("trouble", null);
  return found;
}
