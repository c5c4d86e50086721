/** Ids are UUIDv7 (RFC 9562): unique across nodes and sorted by the time they were made. */
import { v7, validate } from "uuid";

export function newId(): string {
  return v7();
}

/**
 * Makes ids for what was written before it was taken in: sorted by the time of writing, and in the order of the calls where
 * that is the same. A time that is still to come counts as now.
 */
export function createHistoricIds(): (writtenAt: Date) => string {
  let seq = 0;
  return (writtenAt) => v7({ msecs: Math.min(writtenAt.getTime(), Date.now()), seq: seq++ });
}

export function isId(value: string): boolean {
  return validate(value);
}

/** A ticket's short name, for subject lines: the end of its id, which is random. Ten characters. */
export function ticketCode(ticketId: string): string {
  return ticketId.slice(-10);
}
