/** Ids are UUIDv7 (RFC 9562): unique across nodes and sorted by the time they were made. */
import { v7, validate } from "uuid";

export function newId(): string {
  return v7();
}

export function isId(value: string): boolean {
  return validate(value);
}

/** A ticket's short name, for subject lines: the end of its id, which is random. Ten characters. */
export function ticketCode(ticketId: string): string {
  return ticketId.slice(-10);
}
