/** Ids are UUIDv7 (RFC 9562): unique across nodes and sorted by the time they were made. */
import { randomFillSync } from "node:crypto";
import { v7, validate } from "uuid";

/** Random bytes for many ids at once: to ask the system for each id anew takes longer than all else about it. */
const pool = new Uint8Array(16 * 256);
let used = pool.length;

function randomBytes(): Uint8Array {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += 16;
  return pool.subarray(used - 16, used);
}

let lastMs = 0;
let lastSeq = 0;

/** Within a millisecond ids count up from a random number, as RFC 9562 has it (section 6.2, method 1). */
export function newId(): string {
  const random = randomBytes();
  const now = Date.now();
  if (now > lastMs) {
    lastMs = now;
    // Half of the room is left to count in.
    lastSeq = new DataView(random.buffer, random.byteOffset, 4).getUint32(0) >>> 1;
  } else {
    lastSeq = (lastSeq + 1) >>> 0;
    if (lastSeq === 0) lastMs++;
  }
  return v7({ random, msecs: lastMs, seq: lastSeq });
}

/**
 * Makes ids for what was written before it was taken in: sorted by the time of writing, and in the order of the calls where
 * that is the same. A time that is still to come counts as now.
 */
export function createHistoricIds(): (writtenAt: Date) => string {
  let seq = 0;
  return (writtenAt) =>
    v7({ random: randomBytes(), msecs: Math.min(writtenAt.getTime(), Date.now()), seq: seq++ });
}

/** The least id of a moment: those made before it are smaller. */
export function firstIdAt(at: Date): string {
  return v7({ random: new Uint8Array(16), msecs: at.getTime(), seq: 0 });
}

export function isId(value: string): boolean {
  return validate(value);
}

/** A ticket's short name, for subject lines: the end of its id, which is random. Ten characters. */
export function ticketCode(ticketId: string): string {
  return ticketId.slice(-10);
}
