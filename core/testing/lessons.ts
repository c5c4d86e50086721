/** Tickets with corrections, for tests of what is learnt from them. */
import { newId } from "../lib/ids.ts";
import type { Database, Runner } from "../store/database.ts";
import type { NewMessage } from "../store/messages.ts";
import { insertCorrection, type NewCorrection } from "../store/replies.ts";
import { newMessage, storeMessages } from "./store.ts";

/** Stores a customer's message in a ticket of that thread. */
export async function storeTicket(
  db: Database,
  threadId: string,
  fields: Partial<NewMessage> = {},
): Promise<void> {
  await storeMessages(db, [newMessage({ threadId, ...fields })]);
}

/** Stores a person's choice for that thread. */
export async function correct(
  db: Runner,
  threadId: string,
  labels: Record<string, string>,
  fields: Partial<NewCorrection> = {},
): Promise<void> {
  const stored = await insertCorrection(db, {
    company: "acme",
    connector: "api",
    threadId,
    externalId: newId(),
    labels,
    agent: null,
    at: new Date().toISOString(),
    ...fields,
  });
  if (!stored) throw new Error(`there is no ticket ${threadId}`);
}

/** Stores so many tickets, each with a correction. */
export async function storeLessons(db: Database, count: number, company = "acme"): Promise<void> {
  for (let i = 0; i < count; i++) {
    const threadId = newId();
    await storeTicket(db, threadId, { company, subject: `Subject ${i}`, text: `Text ${i}` });
    await correct(db, threadId, { type: i % 2 ? "question" : "incident" }, { company });
  }
}
