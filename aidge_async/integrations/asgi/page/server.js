/** What is asked of the server. Every address is relative to the page, so that the app may be mounted anywhere. */

/** What the server takes, and whether it is the sandbox; null until it has answered. */
export let about = null;
let ahead = 0; // ms, the server's clock over ours

/** An answer that is an error: RFC 9457, as far as it could be read. */
export class Problem extends Error {
  constructor(reply, facts) {
    super(facts.detail ?? facts.title ?? `The server answered with ${reply.status}.`);
    this.status = reply.status;
    this.fields = facts.errors ?? [];
    this.wait = Number(reply.headers.get("Retry-After")) || 0; // seconds
  }
}

/** Ask for *path*, and return the answer's JSON. Throws a Problem, or fetch's own error where no whole answer came. */
export async function ask(path, init = {}) {
  const reply = await fetch(path, { ...init, headers: { Accept: "application/json", ...init.headers } });
  ahead = Date.parse(reply.headers.get("Date")) - Date.now() || 0;
  if (reply.ok) return reply.json();
  throw new Problem(reply, await reply.json().catch(() => ({})));
}

export async function learn() {
  about = await ask("about");
}

/** Return the server's epoch in ms; a phone's own clock may be minutes off. */
export const serverNow = () => Date.now() + ahead;

export const taskPath = (task) => `tasks/${encodeURIComponent(task.id)}`;
export const picturePath = (task, n) => `${taskPath(task)}/images/${n}`;
export const downloadPath = (task, n) => `${picturePath(task, n)}?download=1`;
