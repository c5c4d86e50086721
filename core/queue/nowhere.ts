/** A queue that keeps nothing, for commands beside a hub: `recover` of the hub finds their messages in the database. */
import type { Queue } from "./queue.ts";

const idle = { waiting: 0, working: 0 };

export function createNowhereQueue(): Queue {
  return {
    publish: async () => undefined,
    room: async () => false,
    consume: () => ({ stop: async () => undefined }),
    depth: () => ({ classify: idle, draft: idle, deliver: idle }),
    offer: (_step, items) => items,
    onGap: () => () => undefined,
    shared: true,
    available: true,
    close: async () => undefined,
  };
}
