/** How much intake holds while the database is slow: beyond that it says so, instead of filling the memory. */
import type { ConnectorEventInput } from "../../plugins/contract/events.ts";
import type { NewMessage } from "../store/messages.ts";

/** The hub has more to store than its database takes at present. */
export class Overloaded extends Error {
  constructor(what: string) {
    super(what);
    this.name = "Overloaded";
  }
}

export interface IntakeBounds {
  /** Requests that wait for their commit. */
  requests: number;
  /** Their content together, in characters and bytes. */
  bytes: number;
  /** Milliseconds after which a request is answered, though its commit is still under way. */
  answerMs: number;
}

export const intakeBounds: IntakeBounds = { requests: 5_000, bytes: 64_000_000, answerMs: 9_000 };

export interface IntakeLimits {
  /**
   * Does the work where there is room for it.
   * @param bytes of its content
   * @throws Overloaded where there is no room, or where it takes too long; it then goes on unseen
   */
  within<T>(bytes: number, work: () => Promise<T>): Promise<T>;
}

export function createIntakeLimits(bounds: IntakeBounds = intakeBounds): IntakeLimits {
  let requests = 0;
  let bytes = 0;
  return {
    async within(size, work) {
      if (requests > 0 && (requests >= bounds.requests || bytes + size > bounds.bytes))
        throw new Overloaded("more messages wait for the database than the hub can hold");
      requests++;
      bytes += size;
      const working = work().finally(() => {
        requests--;
        bytes -= size;
      });
      return new Promise((resolve, reject) => {
        const late = () => reject(new Overloaded(`the database took longer than ${bounds.answerMs} ms`));
        const timer = setTimeout(late, bounds.answerMs);
        working.then(resolve, reject).finally(() => clearTimeout(timer));
      });
    },
  };
}

/** The text of a message, in characters. */
export function sizeOfMessage({ text, quoted, html }: NewMessage): number {
  return text.length + (quoted?.length ?? 0) + (html?.length ?? 0);
}

/** What events hold, in characters and bytes, before anybody has looked whether they are valid. */
export function sizeOfEvents(events: ConnectorEventInput[]): number {
  let size = 0;
  for (const event of events) {
    size += 1_000;
    for (const value of Object.values(event)) {
      if (typeof value === "string" || value instanceof Uint8Array) size += value.length;
    }
    if (event.kind !== "message") continue;
    for (const { content } of event.attachments ?? []) size += content.length;
  }
  return size;
}
