/** What people and other programs do in the fake account: customers write, agents answer, change and close. */
import { type FakeStore, type FakeThread, type FakeTicket, iso, type Source } from "./fake-store.ts";

export interface CustomerWrites {
  /** Names the message: written twice, it is there once. */
  readonly key: string;
  readonly text: string;
  readonly subject?: string;
  readonly from?: { name: string; email: string };
  /** The key of the message that opened the thread. */
  readonly thread?: string;
  readonly files?: ReadonlyArray<{ name: string; content: Uint8Array }>;
  readonly channel?: "EMAIL" | "CHAT";
  /** Fields of the message that are other than usual. */
  readonly fields?: Record<string, unknown>;
  /** When it was written, where it is not now. */
  readonly at?: number;
}

export interface Placed {
  readonly ticketId: string;
  readonly threadId: string;
  readonly messageId: string;
}

export interface AgentWrites {
  readonly actorId?: string;
  readonly fields?: Record<string, unknown>;
}

const agent: Source = { sourceType: "CRM_UI", sourceId: "userId:901", updatedByUserId: 901 };
const system: Source = { sourceType: "CONVERSATIONS", sourceId: "inbox" };

/** @param origin where files lie, under the API's address */
function createParts(store: FakeStore, origin: () => string) {
  const ticketOf = (id: string): FakeTicket => {
    const ticket = store.tickets.get(id);
    if (!ticket) throw new Error(`the fake has no ticket ${id}`);
    return ticket;
  };
  const threadOf = (ticketId: string): FakeThread => {
    const found = [...store.threads.values()].find((thread) => thread.ticketId === ticketId);
    if (!found) throw new Error(`ticket ${ticketId} has no thread`);
    return found;
  };
  const addThread = (ticketId: string | null, at: number): FakeThread => {
    const inUse = { spam: false, archived: false };
    const thread = { id: store.nextId(), ticketId, createdAt: at, ...inUse, messages: [], latestAt: at };
    store.threads.set(thread.id, thread);
    return thread;
  };
  const addContact = (name: string, email: string): string => {
    const id = store.nextId();
    const [firstname = "", ...rest] = name.split(" ");
    const properties = { firstname, lastname: rest.join(" "), email };
    const at = store.tick();
    store.contacts.set(id, { id, createdAt: at, updatedAt: at, archived: false, properties, history: {} });
    return id;
  };
  const addFiles = (files: CustomerWrites["files"] = []) =>
    files.map(({ name, content }) => {
      const id = store.nextId();
      store.files.set(id, { name, content, status: 200 });
      return {
        type: "FILE",
        fileId: id,
        fileUsageType: "OTHER",
        name,
        url: `${origin()}/filemanager/files/${id}`,
      };
    });
  const addMessage = (thread: FakeThread, at: number, fields: Record<string, unknown>): string => {
    const id = String(fields.id ?? `msg-${store.nextId()}`);
    const usual = {
      type: "MESSAGE",
      id,
      conversationsThreadId: thread.id,
      createdAt: iso(at),
      client: { clientType: "HUBSPOT" },
      recipients: [],
      archived: false,
      attachments: [],
      truncationStatus: "NOT_TRUNCATED",
      status: { statusType: "SENT" },
      channelId: "1002",
      channelAccountId: "12",
    };
    thread.messages.push({ ...usual, ...fields, id });
    thread.latestAt = at;
    return id;
  };

  return { ticketOf, threadOf, addThread, addContact, addFiles, addMessage };
}

type Parts = ReturnType<typeof createParts>;

/** Customers, and the forms and programs that they use. */
function customers(store: FakeStore, { ticketOf, addThread, addContact, addFiles, addMessage }: Parts) {
  const written = new Map<string, Placed>();

  const openTicket = ({ subject = "", text, channel = "EMAIL", from, at }: CustomerWrites): Placed => {
    const open = { hs_pipeline: "0", hs_pipeline_stage: "1", source_type: channel };
    const ticket = store.addTicket({ subject, content: text, ...open }, system, at);
    if (from) ticket.contacts.push(addContact(from.name, from.email));
    return { ticketId: ticket.id, threadId: addThread(ticket.id, ticket.createdAt).id, messageId: "" };
  };

  return {
    customerWrites(message: CustomerWrites): Placed {
      const { key, thread: opener = key, text, subject, channel = "EMAIL" } = message;
      const before = written.get(key);
      if (before) return before;
      const from = message.from ?? { name: "Ada Berg", email: "ada@customer.example" };
      const place = written.get(opener) ?? openTicket({ ...message, from });
      const at = message.at ?? store.tick();
      const thread = store.threads.get(place.threadId) as FakeThread;
      const isMail = channel === "EMAIL";
      const actorId = isMail ? `E-${from.email}` : "V-4711";
      if (!isMail) store.actors.set(actorId, { type: "VISITOR", name: from.name, email: from.email });
      const sender = {
        actorId,
        ...(isMail && {
          name: from.name,
          deliveryIdentifier: { type: "HS_EMAIL_ADDRESS", value: from.email },
        }),
      };
      const messageId = addMessage(thread, at, {
        direction: "INCOMING",
        createdBy: actorId,
        senders: [sender],
        text,
        richText: "",
        attachments: addFiles(message.files),
        ...(isMail && { subject }),
        ...message.fields,
      });
      store.touch(ticketOf(place.ticketId));
      const placed = { ...place, messageId };
      written.set(key, placed);
      return placed;
    },
    placeOf: (key: string) => written.get(key),
    /** A form or a program opens a ticket that no thread belongs to. */
    opensTicket(
      properties: Record<string, string>,
      from?: { name: string; email: string },
      at?: number,
    ): string {
      const open = { hs_pipeline: "0", hs_pipeline_stage: "1", ...properties };
      const ticket = store.addTicket(open, { sourceType: "FORM" }, at);
      if (from) ticket.contacts.push(addContact(from.name, from.email));
      return ticket.id;
    },
    /** Many tickets that changed in the same moment. */
    changesAtOnce(count: number, at: number): string[] {
      const open = { hs_pipeline: "0", hs_pipeline_stage: "1", source_type: "FORM", content: "Help." };
      return Array.from({ length: count }, () => store.addTicket(open, { sourceType: "FORM" }, at).id);
    },
  };
}

function agents(store: FakeStore, { ticketOf, threadOf, addMessage }: Parts) {
  return {
    /** An answer that the customer gets. */
    agentReplies(ticketId: string, text: string, { actorId = "A-901", fields }: AgentWrites = {}): string {
      const thread = threadOf(ticketId);
      const sender = { actorId, name: "Kim Roe" };
      const said = {
        direction: "OUTGOING",
        createdBy: actorId,
        senders: [sender],
        text,
        richText: `<p>${text}</p>`,
      };
      const id = addMessage(thread, store.tick(), { ...said, ...fields });
      store.touch(ticketOf(ticketId));
      return id;
    },
    /** An entry that is no message: a comment, a change of status. */
    addEntry(ticketId: string, fields: Record<string, unknown>): void {
      addMessage(threadOf(ticketId), store.tick(), fields);
      store.touch(ticketOf(ticketId));
    },
    agentEditsNote(id: string, html: string): void {
      const note = store.notes.get(id);
      if (!note) throw new Error(`the fake has no note ${id}`);
      note.properties.hs_note_body = html;
    },
    agentSets(ticketId: string, name: string, value: string, source: Source = agent): void {
      store.change(ticketOf(ticketId), { [name]: value }, source);
    },
    agentMoves: (ticketId: string, stage: string): void =>
      store.change(ticketOf(ticketId), { hs_pipeline_stage: stage }, agent),
    deletesTicket(ticketId: string): void {
      ticketOf(ticketId).archived = true;
    },
  };
}

export function createDesk(store: FakeStore, origin: () => string) {
  const parts = createParts(store, origin);
  const { addThread, ticketOf: ticket, threadOf: thread } = parts;
  return { ...customers(store, parts), ...agents(store, parts), addThread, ticket, thread };
}

export type Desk = ReturnType<typeof createDesk>;
