/** What a task's state is called, under which filter it falls, and what it means for who reads it. */

import { counted, titled } from "./kit.js";
import { about } from "./server.js";

const STATES = {
  planned: { group: "busy", title: "Waiting to be sent" },
  sending: { group: "busy", title: "Being sent" },
  accepted: { group: "busy", title: "Being made" },
  succeeded: { group: "ready", title: "Ready" },
  in_doubt: {
    group: "look",
    title: "In doubt",
    meaning:
      "The photo was sent, and no certain answer came back: it may have been bought. It is not sent again by itself, as " +
      "that could buy it twice. Look into the vendor’s console for a task of this time, and tell whoever runs this page " +
      "what you found; they settle it with “aidge-async journal resolve”.",
  },
  failed: {
    group: "look",
    title: "Failed",
    meaning: "The gateway took the photo and could not make pictures of it. Sending the photo again is a new purchase.",
  },
  refused: {
    group: "look",
    title: "Refused",
    meaning: "It was turned down before any picture was made. Mend what the reason names, then send the photo again.",
  },
  abandoned: {
    group: "look",
    title: "Given up",
    meaning: "It was in doubt, and somebody who runs this page gave it up. It may have been bought all the same.",
  },
};
const FETCHING = { group: "busy", title: "Made, being fetched" };
const BILL = {
  real: { no: "Not billed", yes: "Billed", unknown: "Not known whether it is billed" },
  sandbox: { no: "Would not be billed", yes: "Would be billed", unknown: "Might be billed" },
};

/** Return {group, title, meaning} of *task*; a picture that is not saved yet cannot be looked at. */
export function stateOf(task) {
  return task.state === "succeeded" && !task.saved ? FETCHING : STATES[task.state];
}

export const titleOf = (task) => task.name ?? "Photo by link";
export const billOf = (task) => BILL[about.sandbox ? "sandbox" : "real"][task.billable];

export function wishesOf({ request, pictures }) {
  const where = request.background ? titled(request.background).toLowerCase() : "own background";
  const side = request.dimension && `${request.dimension} px`;
  return [titled(request.model), where, counted(pictures, "picture"), side].filter(Boolean).join(" · ");
}
