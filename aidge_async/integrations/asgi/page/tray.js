/** The tray: photos that were chosen and are not sent yet, and what the button will make of them. */

import { $, copyOf, counted, note, put, tell } from "./kit.js";
import { about } from "./server.js";

/** What is in the tray: {file, row, key, wishes, busy, bad}; *bad* ones are never sent. */
export const drafts = [];

/** Signatures, as image formats have them; a file's name and the type that the browser guesses from it prove nothing. */
const HEADS = [
  ["image/jpeg", /^\xff\xd8\xff/],
  ["image/png", /^\x89PNG\r\n\x1a\n/],
  ["image/bmp", /^BM/],
  ["image/webp", /^RIFF[^]{4}WEBP/],
];
const MIB = 2 ** 20;

const kinds = () => about.image.types.map((type) => type.replace("image/", "").toUpperCase()).join(", ");
const most = () => `${Math.floor((about.image.most_bytes / MIB) * 10) / 10} MB`;
const weight = ({ size }) => (size < MIB ? `${Math.ceil(size / 1024)} KB` : `${Math.ceil((size / MIB) * 10) / 10} MB`);

/** Return the first *length* bytes as text, or null: a folder, or a file that is gone, cannot be read. */
export async function beginning(file, length = 12) {
  const bytes = await file.slice(0, length).arrayBuffer().catch(() => null);
  return bytes && String.fromCharCode(...new Uint8Array(bytes));
}

/** Return why the server would not take *file*, or null. */
async function whyNot(file) {
  if (file.size > about.image.most_bytes) return `Too heavy: ${weight(file)}, at most ${most()}. Save it smaller.`;
  const head = await beginning(file);
  if (head === null) return "It cannot be read.";
  const kind = HEADS.find(([, pattern]) => pattern.test(head))?.[0];
  return about.image.types.includes(kind) ? null : `Not a picture that is taken (${kinds()}). Save it as one of them.`;
}

async function addFiles(files) {
  note("image-wrong", about ? null : "The server has not answered yet; try again in a moment.");
  if (!about) return;
  for (const file of files) await addFile(file);
  price();
  tell(`${counted(files.length, "file")} added, ${counted(sendable().length, "photo")} to send.`);
}

async function addFile(file) {
  const draft = { file, row: copyOf("draft-template"), key: null, busy: false, bad: await whyNot(file) };
  if (!draft.bad) draft.row.querySelector("img").src = URL.createObjectURL(file);
  put(draft.row, "name", file.name);
  const remove = draft.row.querySelector("button");
  remove.setAttribute("aria-label", `Remove ${file.name}`);
  remove.addEventListener("click", () => dropDraft(draft, true));
  remark(draft, draft.bad ?? weight(file), Boolean(draft.bad));
  drafts.push(draft);
  $("drafts").append(draft.row);
}

/** Take *draft* out of the tray; where a person did it by a button, the next button has the focus. */
export function dropDraft(draft, refocus = false) {
  const next = draft.row.nextElementSibling ?? draft.row.previousElementSibling;
  URL.revokeObjectURL(draft.row.querySelector("img").src);
  draft.row.remove();
  drafts.splice(drafts.indexOf(draft), 1);
  if (refocus) (next?.querySelector("button:not([hidden])") ?? $("files")).focus();
  price();
}

/** Say how *draft* stands. */
export function remark(draft, text, wrong = false) {
  put(draft.row, "note", text);
  draft.row.classList.toggle("bad", wrong);
  draft.row.classList.toggle("busy", draft.busy);
  draft.row.querySelector("button").hidden = draft.busy;
}

export const sendable = () => drafts.filter((draft) => !draft.bad && !draft.busy);

/** Say on the button, and under it, what pressing it makes or buys. */
export function price() {
  const photos = sendable().length;
  const each = Number($("count").value);
  const verb = about?.sandbox ? "Make" : "Buy";
  const pictures = counted(photos * each, "picture");
  const cost = about?.sandbox ? "Nothing is bought." : `Pressing the button buys ${pictures}.`;
  $("send").textContent = photos ? `${verb} ${pictures}` : `${verb} pictures`;
  $("price").textContent = photos ? `${counted(photos, "photo")}, ${counted(each, "picture")} of each. ${cost}` : "";
}

/** Take photos from the button, from a drop anywhere on the page and from the clipboard. */
export function openTray() {
  $("files").accept = about.image.types.join(",");
  $("files-hint").textContent += ` ${kinds()}, at most ${most()}.`;
  $("files").addEventListener("change", () => addFiles([...$("files").files]).then(() => ($("files").value = "")));
  $("count").addEventListener("change", price);
  document.addEventListener("paste", (event) => addIfAny(event, event.clipboardData));
  document.addEventListener("drop", (event) => addIfAny(event, event.dataTransfer));
  price();
}

/** Keep the browser from leaving the page for a photo that is dropped on it, from the first moment on. */
export function guardDrops() {
  for (const kind of ["dragover", "dragleave", "drop"]) {
    document.addEventListener(kind, (event) => {
      event.preventDefault();
      $("drop").classList.toggle("over", kind === "dragover");
    });
  }
}

function addIfAny(event, from) {
  const files = [...(from?.files ?? [])];
  if (!files.length) return;
  event.preventDefault();
  addFiles(files);
}
