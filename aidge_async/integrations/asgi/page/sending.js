/**
 * Sending what is in the tray: a few at once, each under a key of its own until there is an answer.
 *
 * The key is what keeps a photo from being bought twice: it is made before the first byte leaves, goes out with every
 * attempt, and outlives a reload of the page.
 */

import { show, turn } from "./cards.js";
import { $, counted, note, put, sleep, tell } from "./kit.js";
import { ask, Problem } from "./server.js";
import { beginning, drafts, dropDraft, price, remark, sendable } from "./tray.js";

const AT_ONCE = 3; // uploads; a browser has six connections a host (HTTP/1.1), and the event stream is one of them
const PATIENCE_MS = 120_000; // for one upload: 4 MB over a slow phone line
const TRIES = 5; // of a photo on which the server stumbles; a lost connection is tried for ever
const PAUSE_MOST = 15; // seconds

// ---- Keys -----------------------------------------------------------------------------------------------------------

const KEPT = `aidge-unanswered:${location.pathname}`; // several apps may live under one origin
const kept = () => JSON.parse(sessionStorage.getItem(KEPT) ?? "[]");
const keep = (pairs) => sessionStorage.setItem(KEPT, JSON.stringify(pairs));

/** Return the key under which this photo went out with these wishes and got no answer yet; else a new one. */
function keyFor(file, wishes) {
  const print = JSON.stringify([file.name, file.size, file.lastModified, wishes]);
  const taken = new Set(drafts.map((draft) => draft.key));
  const known = kept().find((pair) => pair.print === print && !taken.has(pair.key));
  if (known) return known.key;
  const key = newKey();
  keep([...kept(), { print, key }]);
  return key;
}

/** Return 128 random bits as text; `randomUUID` is missing where a page comes over plain http from another machine. */
function newKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function answered(draft) {
  keep(kept().filter((pair) => pair.key !== draft.key));
  draft.key = null;
}

/** Say what had no answer when this page was left, and how not to buy it twice. */
export function remindOfUnanswered() {
  const count = kept().length;
  const text =
    `${counted(count, "photo")} had no answer yet when this page was left. What arrived is in the list below. ` +
    "Choose the same photos with the same wishes again, and none of them is bought twice.";
  put($("unanswered"), "text", count && text);
  $("unanswered").hidden = !count;
}

export function forgetUnanswered() {
  keep([]);
  remindOfUnanswered();
}

// ---- The queue ------------------------------------------------------------------------------------------------------

const queue = [];
let senders = 0;
let holdUntil = 0; // epoch ms; the server asked to wait, and that goes for every sender

/** Return what the form says, as the fields of a message. */
function readWishes() {
  const said = [...new FormData($("order"))].filter(([, value]) => value && typeof value === "string");
  const wishes = Object.fromEntries(said);
  return wishes.background ? wishes : { ...wishes, keep_background: "true" };
}

/** Send everything in the tray that can be sent. */
export function submit(event) {
  event.preventDefault();
  for (const select of document.querySelectorAll(".field select")) complain(select.id, null);
  const chosen = sendable();
  note("image-wrong", chosen.length ? null : "Choose at least one photo first.");
  if (!chosen.length) return $("files").focus();
  for (const draft of chosen) {
    draft.wishes = readWishes();
    draft.key = keyFor(draft.file, draft.wishes);
    draft.busy = true;
    remark(draft, "Waits for its turn");
  }
  queue.push(...chosen);
  price();
  for (let free = Math.min(AT_ONCE - senders, queue.length); free > 0; free -= 1) sendQueued();
}

async function sendQueued() {
  senders += 1;
  while (queue.length) await deliver(queue.shift());
  senders -= 1;
}

/** Send one photo until there is an answer; the same key every time, so that it is bought once at most. */
async function deliver(draft) {
  for (let attempt = 1; draft.busy; attempt += 1) {
    await heldBack(draft);
    remark(draft, "Being sent…");
    const asked = turn();
    try {
      const task = await ask("tasks", messageOf(draft));
      answered(draft);
      show(task, asked);
      return dropDraft(draft);
    } catch (error) {
      await judge(draft, error, attempt);
    }
  }
}

function messageOf(draft) {
  const body = new FormData();
  for (const [name, value] of Object.entries(draft.wishes)) body.append(name, value);
  body.append("image", draft.file);
  const headers = { "Idempotency-Key": draft.key };
  return { method: "POST", body, headers, signal: AbortSignal.timeout(PATIENCE_MS) };
}

/** Wait where the server asks for it. */
async function heldBack(draft) {
  for (let left; (left = holdUntil - Date.now()) > 0; ) {
    remark(draft, "Waits, as the server asked");
    note("hold", `The server is busy and asked to wait. This goes on by itself in ${Math.ceil(left / 1000)} s.`);
    await sleep(Math.min(left, 250));
  }
  note("hold", null);
}

// ---- Errors ---------------------------------------------------------------------------------------------------------

/** Decide on an error: wait, and the loop goes on; or give the photo back to the tray with the reason. */
async function judge(draft, error, attempt) {
  const pause = Math.min(PAUSE_MOST, 2 ** (attempt - 1));
  if (!(error instanceof Problem)) return judgeLost(draft, pause);
  if (error.status === 429 || error.status === 503) {
    if (holdUntil < Date.now()) tell("The server is busy and asked to wait. Sending goes on by itself.");
    holdUntil = Math.max(holdUntil, Date.now() + 1000 * (error.wait || pause));
  } else if (error.status >= 500 && attempt < TRIES) {
    remark(draft, "The server stumbled. It is sent again by itself, and never bought twice.");
    await sleep(1000 * pause);
  } else {
    if (error.status < 500) answered(draft); // or it may have arrived, and the key must go out again
    giveBack(draft, error.message, error.fields);
  }
}

/** No whole answer came: it may have arrived, so the same key goes out again; unless it is the file that is gone. */
async function judgeLost(draft, pause) {
  if ((await beginning(draft.file, 1)) === null) {
    return giveBack(draft, "The file cannot be read any more. Remove it and choose it again.");
  }
  remark(draft, "The connection was lost. It is sent again by itself, and never bought twice.");
  await sleep(1000 * pause);
}

/** Put *draft* back among those that are not sent; what is wrong with the photo itself keeps it there. */
function giveBack(draft, reason, fields = []) {
  const others = fields.filter(({ field, detail }) => complain(field, detail));
  const own = fields.filter((wrong) => !others.includes(wrong)).map(({ detail }) => detail);
  draft.busy = false;
  draft.key = null; // where it had no answer, it is kept for the next press
  draft.bad = fields.some(({ field }) => field === "image") ? own.join(" ") : null;
  remark(draft, own.join(" ") || (others.length ? "See the field that is marked." : reason), true);
  tell(`${draft.file.name} was not taken.`);
  price();
}

/** Mark a field of the form as wrong, or right; false where the form has no such field. */
function complain(field, detail) {
  if (!document.querySelector(`.field select#${CSS.escape(field)}`)) return false;
  note(`${field}-wrong`, detail);
  $(field).setAttribute("aria-invalid", String(Boolean(detail)));
  return true;
}
