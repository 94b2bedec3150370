/** A card a task: only the one that changed is touched, and in it only what changed. */

import { $, copyOf, newButton, put, tell } from "./kit.js";
import { picturePath, serverNow } from "./server.js";
import { billOf, stateOf, titleOf, wishesOf } from "./words.js";

/** What is shown: id to {task, card, text, asked}. */
export const cards = new Map();
const takenOff = new Set(); // ids; a late event must not bring them back

let turns = 0;

/** Return when something was asked, as a number: what is asked later has a higher one. */
export const turn = () => (turns += 1);

/**
 * Show *task* as it stood at turn *asked*, when the question that brought it left; an event stands for now. An answer
 * that was overtaken by a later question, or by an event, is left alone; nobody's clock decides that.
 */
export function show(task, asked = turn()) {
  const known = cards.get(task.id);
  if (takenOff.has(task.id) || known?.asked > asked) return;
  const card = known?.card ?? place(task);
  const text = JSON.stringify(task);
  cards.set(task.id, { task, card, text, asked });
  if (known?.text === text) return; // a list that is read again touches nothing that stands as it stood
  draw(card, task, known?.task);
  const { group, title } = stateOf(task);
  if (known && stateOf(known.task).group !== group) tell(`${titleOf(task)}: ${title}.`);
  count();
}

/** Make the card of *task* and put it where its age belongs, newest first. */
function place(task) {
  const card = copyOf("card-template");
  card.dataset.id = task.id;
  card.dataset.at = Date.parse(task.created_at);
  let older = $("tasks").lastElementChild;
  while (older && bornAt(older) < bornAt(card)) older = older.previousElementSibling;
  if (older) older.after(card);
  else $("tasks").prepend(card);
  return card;
}

/** Return when a card's task was made, epoch in ms. */
export const bornAt = (card) => Number(card.dataset.at);

function draw(card, task, before) {
  const { group, title, meaning } = stateOf(task);
  const pictures = task.images.length;
  card.dataset.group = group;
  put(card, "name", titleOf(task));
  put(card, "state", title);
  put(card, "wishes", wishesOf(task));
  put(card, "meaning", meaning);
  put(card, "reason", meaning && task.reason);
  put(card, "bill", billOf(task));
  if (before?.images.length !== pictures) drawPictures(card, task);
  act(card, "compare", pictures && "Compare");
  act(card, "download", pictures && (pictures > 1 ? `Download ${pictures}` : "Download"));
  act(card, "hide", "Take off");
  tick({ task, card });
}

/** Show a button of a card, or hide it where it has no label; its spoken name says which photo it is for. */
function act(card, name, label) {
  const button = card.querySelector(`[data-act="${name}"]`);
  button.hidden = !label;
  if (!button.disabled && name !== "hide") button.textContent = label || "";
  button.setAttribute("aria-label", `${label}: ${card.querySelector("h3").textContent}`);
}

function drawPictures(card, task) {
  const pictures = task.images.map(({ n }) => {
    const button = newButton();
    button.dataset.n = n;
    button.append(imageOf(task, n, `Compare picture ${n} of ${titleOf(task)}`));
    return button;
  });
  const kind = pictures.length ? "before" : "alone";
  const original = task.original ? [imageOf(task, 0, `The photo before, ${titleOf(task)}`, kind)] : [];
  card.querySelector(".pictures").replaceChildren(...pictures, ...original);
}

function imageOf(task, n, alt, className = "") {
  const image = Object.assign(new Image(), { loading: "lazy", decoding: "async", alt, className });
  image.src = picturePath(task, n); // after `loading`, or it is fetched at once
  return image;
}

/** Say since when it stands so; what is being made has a clock. */
function tick({ task, card }) {
  const since = new Date(task.changed_at);
  const date = () => since.toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
  put(card, "time", task.state === "accepted" ? `for ${long(serverNow() - since)}` : date());
}

function long(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  return seconds < 120 ? `${seconds} s` : seconds < 7200 ? `${Math.floor(seconds / 60)} min` : `${Math.floor(seconds / 3600)} h`;
}

export function tickAll() {
  for (const entry of cards.values()) if (entry.task.state === "accepted") tick(entry);
}

let counting = 0;

/** Bring the numbers up to date, once a frame however many cards have changed. */
export function count() {
  counting ||= requestAnimationFrame(() => {
    counting = 0;
    const totals = { all: cards.size, busy: 0, ready: 0, look: 0 };
    let pictures = 0;
    for (const { task } of cards.values()) {
      totals[stateOf(task).group] += 1;
      pictures += task.images.length;
    }
    for (const element of document.querySelectorAll("[data-count]")) element.textContent = totals[element.dataset.count];
    $("empty").hidden = cards.size > 0;
    $("all").hidden = !pictures;
    if (!$("all").disabled) $("all").textContent = `Download all ${pictures}`;
  });
}

/** Drop a card; *forGood* where a person took it off, and no late event may bring it back. */
export function forget(id, forGood = false) {
  if (forGood) takenOff.add(id);
  cards.get(id)?.card.remove();
  cards.delete(id);
  count();
}
