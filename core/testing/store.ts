/** Stores for tests: a fresh database with the hub's schema, and messages to fill it with. */
import { onTestFinished } from "vitest";
import { newId } from "../lib/ids.ts";
import { createLog } from "../lib/log.ts";
import { type Database, openDatabase } from "../store/database.ts";
import { insertMessages, type NewMessage } from "../store/messages.ts";
import { migrate } from "../store/migrate.ts";
import type { Claimant } from "../store/progress.ts";
import { createTestDatabase, type TestDatabase } from "./postgres.ts";

/** A log that says nothing but errors, so that what a test provokes does not fill the terminal. */
export const quietLog = createLog({ level: "error", format: "text", write: () => undefined });

export interface TestStore {
  db: Database;
  connection: TestDatabase["connection"];
  /** Another node's connection to the same database; closed at the end. */
  another(): Database;
  close(): Promise<void>;
}

let template: Promise<string> | undefined;

/** A migrated database to copy: faster than to migrate for each test. It goes with the run's server. */
async function makeTemplate(): Promise<string> {
  const { connection } = await createTestDatabase();
  await migrate(connection);
  return connection.database;
}

/** A migrated database of its own. Whoever makes it closes it. */
export async function makeTestStore(poolSize = 8): Promise<TestStore> {
  template ??= makeTemplate();
  const { connection, drop } = await createTestDatabase(await template);
  const opened: Database[] = [];
  const another = () => {
    const db = openDatabase(connection, poolSize, quietLog);
    opened.push(db);
    return db;
  };
  return {
    db: another(),
    connection,
    another,
    async close() {
      await Promise.allSettled(opened.map((db) => db.close()));
      await drop();
    },
  };
}

/** A store that lasts for one test. */
export async function openTestStore(poolSize?: number): Promise<TestStore> {
  const store = await makeTestStore(poolSize);
  onTestFinished(() => store.close());
  return store;
}

/** A message as intake would make it; each is its own thread unless `threadId` is given. */
export function newMessage(fields: Partial<NewMessage> = {}): NewMessage {
  const id = newId();
  const externalId = fields.externalId ?? `ext-${id}`;
  return {
    id,
    ticketId: newId(),
    company: "acme",
    connector: "api",
    externalId,
    threadId: externalId,
    subject: null,
    name: null,
    email: null,
    personId: null,
    text: "Where is my parcel?",
    quoted: null,
    html: null,
    raw: null,
    sourceData: null,
    sentAt: new Date().toISOString(),
    skip: null,
    attachments: [],
    ...fields,
  };
}

/** A claim that has run out at once: for messages that are only brought to a stage. */
export const noClaim: Claimant = { node: newId(), ms: 0 };

/** Stores messages that are due for `recover` after `stalledMs` milliseconds. @returns their ids */
export async function storeMessages(
  db: Database,
  messages: NewMessage[],
  stalledMs = 60_000,
): Promise<string[]> {
  return (await insertMessages(db, messages, stalledMs)).map(({ messageId }) => messageId);
}

/** Waits for what other parts do by themselves. @throws where it has not come true within `withinMs` milliseconds */
export async function eventually(
  reached: () => boolean | Promise<boolean>,
  what: string,
  withinMs = 15_000,
): Promise<void> {
  const started = performance.now();
  while (!(await reached())) {
    if (performance.now() - started > withinMs) throw new Error(`${what}: not within ${withinMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
