/** Small things that every part uses. Text from outside is written with `textContent` only, never as HTML. */

export const $ = (id) => document.getElementById(id);
export const sleep = (ms) => new Promise((wake) => setTimeout(wake, ms));
export const counted = (n, thing) => `${n} ${thing}${n === 1 ? "" : "s"}`;
export const copyOf = (id) => $(id).content.firstElementChild.cloneNode(true);

/** Return a word of the server's as a person reads it: `European_street` is "European street", `MALE` is "Male". */
export function titled(word) {
  const text = String(word).replaceAll("_", " ");
  const rest = text.slice(1);
  return text.charAt(0).toUpperCase() + (text === text.toUpperCase() ? rest.toLowerCase() : rest);
}

/** Write *text* into a slot of *root*; a slot without text is not there. */
export function put(root, slot, text) {
  const element = root.querySelector(`[data-slot="${slot}"]`);
  if (element.textContent !== (text ?? "")) element.textContent = text ?? "";
  element.hidden = !text;
}

/** Show *text* in the element called *id*, or hide it where there is none. */
export function note(id, text) {
  if ($(id).textContent !== (text ?? "")) $(id).textContent = text ?? "";
  $(id).hidden = !text;
}

/** Make a button that does nothing yet. */
export function newButton(text = "") {
  return Object.assign(document.createElement("button"), { type: "button", textContent: text });
}

const news = [];

/** Tell a screen reader; what comes within a second is told together, and of much only the last. */
export function tell(text) {
  if (news.push(text) === 1) setTimeout(() => ($("news").textContent = news.splice(0).slice(-5).join(" ")), 1000);
}
