/** Before and after, one over the other, with a line between them that arrows, a mouse or a finger move. */

import { $, newButton } from "./kit.js";
import { downloadPath, picturePath } from "./server.js";
import { titleOf } from "./words.js";

/** Open picture *n* of *task* beside the photo before; the browser's own slider does the moving. */
export function compare(task, n) {
  showPicture(task, n);
  $("compare-name").textContent = titleOf(task);
  $("stage").classList.toggle("single", !task.original);
  $("before").alt = task.original ? "Before: the photo as it was sent" : "";
  if (task.original) $("before").src = picturePath(task, 0);
  else $("before").removeAttribute("src");
  cut(50);
  $("compare").showModal();
  (task.original ? $("cut") : $("one")).focus();
}

function showPicture(task, n) {
  $("after").src = picturePath(task, n);
  $("after").alt = `After: picture ${n} of ${task.images.length}`;
  $("one").href = downloadPath(task, n);
  $("numbers").replaceChildren(...(task.images.length > 1 ? task.images.map((image) => numberOf(task, image.n, n)) : []));
}

function numberOf(task, n, shown) {
  const button = newButton(String(n));
  button.setAttribute("aria-label", `Picture ${n}`);
  button.setAttribute("aria-pressed", String(n === shown));
  button.addEventListener("click", () => {
    const place = [...$("numbers").children].indexOf(button);
    showPicture(task, n);
    $("numbers").children[place].focus();
  });
  return button;
}

/** Show *percent* of the photo before, from the left. */
export function cut(percent) {
  $("cut").value = percent;
  $("cut").setAttribute("aria-valuetext", `${percent} % before, ${100 - percent} % after`);
  $("stage").style.setProperty("--cut", percent / 100);
}
