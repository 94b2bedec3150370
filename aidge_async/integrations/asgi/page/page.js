/** The page: choose photos, send them, watch them being made, compare, download. Here it starts and is wired up. */

import { download } from "./archive.js";
import { cards, forget, tickAll } from "./cards.js";
import { compare, cut } from "./compare.js";
import { $, note, put, sleep, tell, titled } from "./kit.js";
import { readOlder, watch } from "./live.js";
import { forgetUnanswered, remindOfUnanswered, submit } from "./sending.js";
import { about, ask, learn, Problem, taskPath } from "./server.js";
import { drafts, guardDrops, openTray } from "./tray.js";
import { titleOf } from "./words.js";

const SIDES = [512, 768, 1024, 1536, 2048]; // px, as far as the server takes them

// ---- The form -------------------------------------------------------------------------------------------------------

function offer(id, values, label = titled) {
  $(id).append(...values.map((value) => new Option(label(value), value)));
  const usual = about.defaults?.[id];
  if (usual) $(id).value = usual;
}

function fillForm() {
  const { choices } = about;
  const [fewest, most] = choices.count;
  const [shortest, longest] = choices.dimension;
  offer("model", choices.model);
  offer("background", choices.background);
  offer("count", Array.from({ length: most - fewest + 1 }, (_, i) => fewest + i));
  offer("dimension", SIDES.filter((side) => side >= shortest && side <= longest), (side) => `${side} px`);
  offer("gender", choices.gender);
  offer("age", choices.age);
}

// ---- Taking a task off the list ----------------------------------------------------------------------------------------

function askToHide(task) {
  const fate = task.done
    ? "Pictures that were saved stay on the server."
    : "It is not cancelled: the gateway has no cancel, and it may be billed.";
  $("ask").dataset.id = task.id;
  put($("ask"), "text", `${titleOf(task)} is then no longer shown. ${fate}`);
  $("ask").showModal();
}

async function hide() {
  const { task, card } = cards.get($("ask").dataset.id) ?? {};
  $("ask").close();
  if (!task) return;
  try {
    const said = await ask(taskPath(task), { method: "DELETE" });
    tell(`${titleOf(task)}: ${said.detail}.`);
  } catch (error) {
    if (error.status !== 404) return note("trouble", `${titleOf(task)} is still on the list. ${error.message}`);
  }
  (card.nextElementSibling ?? card.previousElementSibling ?? $("tasks-title")).focus();
  forget(task.id, true);
}

// ---- Start ----------------------------------------------------------------------------------------------------------

/** One listener for all cards. */
function clickCard(event) {
  const button = event.target.closest("button");
  const { task } = cards.get(event.target.closest(".card")?.dataset.id) ?? {};
  if (!button || !task) return;
  if (button.dataset.n) compare(task, Number(button.dataset.n));
  if (button.dataset.act === "compare") compare(task, task.images[0].n);
  if (button.dataset.act === "download") download([task], button);
  if (button.dataset.act === "hide") askToHide(task);
}

function listen() {
  $("order").addEventListener("submit", submit);
  $("forget").addEventListener("click", () => (forgetUnanswered(), $("files").focus()));
  $("filter").addEventListener("change", (event) => ($("tasks").dataset.show = event.target.value));
  $("older").addEventListener("click", readOlder);
  $("all").addEventListener("click", () => download([...cards.values()].map(({ task }) => task), $("all")));
  $("cut").addEventListener("input", () => cut(Number($("cut").value)));
  $("hide").addEventListener("click", hide);
  $("tasks").addEventListener("click", clickCard);
  for (const button of document.querySelectorAll("[data-close]")) {
    button.addEventListener("click", () => button.closest("dialog").close());
  }
  addEventListener("beforeunload", (event) => {
    if (drafts.some((draft) => draft.busy)) event.preventDefault();
  });
  setInterval(tickAll, 1000);
}

async function untilKnown() {
  for (let pause = 1; !about; pause = Math.min(15, pause * 2)) {
    try {
      await learn();
    } catch (error) {
      const why = error instanceof Problem ? error.message : "";
      note("trouble", `The server does not answer as it should; it is asked again by itself. ${why}`);
      await sleep(1000 * pause);
    }
  }
  note("trouble", null);
}

guardDrops();
await untilKnown();
$("sandbox").hidden = !about.sandbox;
fillForm();
openTray();
listen();
remindOfUnanswered();
watch();
