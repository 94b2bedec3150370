/** Downloads: one picture as it is, several as a ZIP that is made here. */

import { counted, note } from "./kit.js";
import { downloadPath, picturePath } from "./server.js";
import { titleOf } from "./words.js";

const MOST_BYTES = 500_000_000; // of one archive, as it is built in memory; what is left goes into the next
const ENDINGS = { "image/png": "png", "image/webp": "webp", "image/bmp": "bmp" };

/** Save every picture of *tasks*; *button* tells how far it is. */
export async function download(tasks, button) {
  const wanted = tasks.flatMap((task) => task.images.map(({ n }) => ({ task, n })));
  if (wanted.length === 1) return save(downloadPath(wanted[0].task, wanted[0].n));
  const label = button.textContent;
  const name = tasks.length > 1 ? "pictures.zip" : `${stemOf(tasks[0])}.zip`;
  button.disabled = true;
  const missing = await archive(wanted, name, (done) => (button.textContent = `${done} of ${wanted.length}…`));
  Object.assign(button, { disabled: false, textContent: label });
  button.focus();
  note("trouble", missing && `${counted(missing, "picture")} could not be fetched and stayed out of the archive; try again.`);
}

/** Fetch pictures one after another into archives, save those, and return how many could not be had. */
async function archive(wanted, archiveName, progress) {
  const names = new Set();
  let files = [];
  let size = 0;
  let missing = 0;
  for (const [done, { task, n }] of wanted.entries()) {
    progress(done + 1);
    const picture = await fetchPicture(task, n);
    missing += picture ? 0 : 1;
    if (!picture) continue;
    if (size && size + picture.bytes.length > MOST_BYTES) {
      saveBlob(zip(files), archiveName);
      files = [];
      size = 0;
    }
    size += picture.bytes.length;
    files.push({ name: uniqueName(`${stemOf(task)}-${n}`, picture.ending, names), bytes: picture.bytes });
  }
  if (files.length) saveBlob(zip(files), archiveName);
  return missing;
}

/** Return a picture's bytes and how its name ends, or null where it cannot be had. */
async function fetchPicture(task, n) {
  try {
    const reply = await fetch(picturePath(task, n));
    const ending = ENDINGS[reply.headers.get("Content-Type")?.split(";")[0]] ?? "jpg";
    return reply.ok ? { bytes: new Uint8Array(await reply.arrayBuffer()), ending } : null;
  } catch {
    return null;
  }
}

/** Let the browser save what is at *href*. */
function save(href, name = "") {
  Object.assign(document.createElement("a"), { href, download: name }).click();
}

function saveBlob(blob, name) {
  const href = URL.createObjectURL(blob);
  save(href, name);
  setTimeout(() => URL.revokeObjectURL(href), 60_000); // the download must have begun by then
}

/** Return the photo's name without its ending, and with nothing in it that means something to a file system. */
function stemOf(task) {
  return titleOf(task).replace(/\.\w+$/, "").replace(/[^\p{L}\p{N} ._-]/gu, "_").replace(/^\.+/, "_");
}

function uniqueName(stem, ending, names) {
  let name = `${stem}.${ending}`;
  for (let twin = 2; names.has(name); twin += 1) name = `${stem} (${twin}).${ending}`;
  names.add(name);
  return name;
}

// ---- ZIP, as PKWARE's APPNOTE 6.3.10 has it (4.3.7, 4.3.12, 4.3.16); stored, as pictures are compressed already --------

const CRC = Uint32Array.from({ length: 256 }, (_, value) => {
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value;
});

function crc32(bytes) {
  let crc = -1;
  for (const byte of bytes) crc = CRC[(crc ^ byte) & 255] ^ (crc >>> 8);
  return ~crc >>> 0;
}

/** Return numbers in little endian; each is [value, bytes]. */
function packed(...numbers) {
  return Uint8Array.from(numbers.flatMap(([value, width]) => Array.from({ length: width }, (_, i) => value >>> (8 * i))));
}

/** Return the date and the time as MS-DOS has them. */
function dosTime(now) {
  const day = ((now.getFullYear() - 1980) << 9) | ((now.getMonth() + 1) << 5) | now.getDate();
  return { day, clock: (now.getHours() << 11) | (now.getMinutes() << 5) | (now.getSeconds() >> 1) };
}

function zip(files) {
  const { day, clock } = dosTime(new Date());
  const local = [];
  const central = [];
  let offset = 0;
  for (const { name, bytes } of files) {
    const title = new TextEncoder().encode(name);
    const sizes = [[crc32(bytes), 4], [bytes.length, 4], [bytes.length, 4], [title.length, 2], [0, 2]];
    const facts = [[0x800, 2], [0, 2], [clock, 2], [day, 2], ...sizes]; // 0x800: the name is UTF-8
    local.push(packed([0x04034b50, 4], [20, 2], ...facts), title, bytes);
    central.push(packed([0x02014b50, 4], [20, 2], [20, 2], ...facts, [0, 2], [0, 2], [0, 2], [0, 4], [offset, 4]), title);
    offset += 30 + title.length + bytes.length;
  }
  const size = central.reduce((sum, part) => sum + part.length, 0);
  const total = [files.length, 2];
  const end = packed([0x06054b50, 4], [0, 4], total, total, [size, 4], [offset, 4], [0, 2]);
  return new Blob([...local, ...central, end], { type: "application/zip" });
}
