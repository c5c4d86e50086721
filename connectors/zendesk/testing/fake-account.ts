/** A Zendesk account in memory: tickets with their comments and audits, and what customers, agents and rules do to them. */
import { randomUUID } from "node:crypto";
import {
  type FakeAudit,
  type FakeFile,
  type FakeTicket,
  type FakeUser,
  plainText,
  type Suspended,
} from "./fake-model.ts";

/** Who does something, and how. */
export interface Hand {
  author: FakeUser;
  channel: string;
}

export interface Change {
  comment?: {
    public: boolean;
    body: string | null;
    html_body?: string | undefined;
    files?: FakeFile[];
  };
  fields?: Record<string, string | number | null>;
  /** Not by the hand itself but by a rule that it set off. */
  byRule?: boolean;
}

export interface AccountOptions {
  /** How old what people do is when it comes to be there, in milliseconds: time there has whole seconds. */
  ageMs?: number;
}

export const customFieldId = 360_011;
export const groups = { billing: 360_021, shipping: 360_022 };

/** Whole seconds, as Zendesk has them. */
const iso = (ms: number) => `${new Date(ms).toISOString().slice(0, 19)}Z`;
const escapeHtml = (text: string) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");

export function createFakeAccount({ ageMs = 0 }: AccountOptions = {}) {
  let lastId = 7_000_000_000;
  let changes = 0;
  const nextId = () => ++lastId;
  const users = new Map<number, FakeUser>();
  const tickets = new Map<number, FakeTicket>();
  const suspended: Suspended[] = [];
  const deleted: Array<{ id: number; deleted_at: string }> = [];
  const addUser = (name: string, email: string, role: FakeUser["role"]): FakeUser => {
    const user = { id: nextId(), name, email, role };
    users.set(user.id, user);
    return user;
  };
  const bot = addUser("Deskwire", "desk@acme.example", "admin");
  const agent = addUser("Kim Agent", "kim@acme.example", "agent");
  const customerOf = (name: string, email: string) =>
    [...users.values()].find((user) => user.email === email) ?? addUser(name, email, "end-user");

  const setField = (ticket: FakeTicket, name: string, value: string | number | null): unknown => {
    if (/^\d+$/.test(name)) {
      const field = ticket.custom_fields.find(({ id }) => id === Number(name));
      const before = field?.value ?? null;
      if (field) field.value = value;
      return before;
    }
    const all = ticket as unknown as Record<string, unknown>;
    const before = all[name] ?? null;
    all[name] = value;
    return before;
  };

  /** One update of a ticket: its comment and fields in one audit, as all that is done there. */
  const update = (ticket: FakeTicket, { author, channel }: Hand, change: Change, at: number): FakeAudit => {
    const isNew = ticket.audits.length === 0;
    const audit: FakeAudit = {
      id: nextId(),
      ticket_id: ticket.id,
      author_id: author.id,
      created_at: iso(at),
      via: { channel },
      events: [],
    };
    for (const [name, value] of Object.entries(change.fields ?? {})) {
      const before = setField(ticket, name, value);
      const common = { id: nextId(), field_name: name, value: value === null ? null : String(value) };
      const via = change.byRule ? { via: { channel: "rule" } } : {};
      audit.events.push(
        isNew
          ? { ...common, type: "Create", ...via }
          : { ...common, type: "Change", previous_value: before, ...via },
      );
    }
    if (change.comment) {
      const { public: isPublic, body, html_body, files = [] } = change.comment;
      const id = nextId();
      const html = html_body ?? `<div>${escapeHtml(body ?? "").replaceAll("\n", "<br>")}</div>`;
      const created_at = iso(at);
      const via = { channel };
      ticket.comments.push({
        id,
        author_id: author.id,
        public: isPublic,
        body,
        html_body: html,
        created_at,
        files,
        via,
      });
      audit.events.push({ id, type: "Comment", public: isPublic, body });
    }
    ticket.audits.push(audit);
    ticket.updated_at = iso(at);
    ticket.change = ++changes;
    ticket.changedAt = Date.now();
    return audit;
  };

  const createTicket = (subject: string, requester: FakeUser): FakeTicket => {
    const ticket: FakeTicket = {
      id: tickets.size + 1_001,
      subject,
      status: "new",
      priority: null,
      type: null,
      group_id: null,
      requester_id: requester.id,
      custom_fields: [{ id: customFieldId, value: null }],
      created_at: iso(Date.now() - ageMs),
      updated_at: iso(Date.now() - ageMs),
      comments: [],
      audits: [],
      change: 0,
      changedAt: 0,
    };
    tickets.set(ticket.id, ticket);
    return ticket;
  };

  const find = (id: number): FakeTicket => {
    const ticket = tickets.get(id);
    if (!ticket) throw new Error(`there is no ticket ${id}`);
    return ticket;
  };
  const now = () => Date.now() - ageMs;

  return {
    users,
    tickets,
    suspended,
    deleted,
    /** Its address is gone; the stream of events still has it. */
    deletesTicket(ticketId: number): void {
      find(ticketId).status = "deleted";
      deleted.push({ id: ticketId, deleted_at: iso(Date.now()) });
    },
    bot,
    agent,
    nextId,
    update,
    find,
    addUser,
    fileOf: (name: string, mediaType: string, content: Uint8Array): FakeFile => {
      const id = nextId();
      return { id, file_name: name, content_type: mediaType, content, token: randomUUID() };
    },
    /** A customer's message: of a new ticket, or on one that is there, which it opens again. */
    customerWrites(what: {
      text: string | null;
      subject?: string;
      ticketId?: number;
      name?: string;
      email?: string;
      files?: FakeFile[];
      /** Milliseconds since 1970, where it is not now. */
      at?: number;
    }): { ticketId: number; commentId: number } {
      const {
        text,
        subject = "A question",
        name = "Ada Berg",
        email = "ada@customer.example",
        files = [],
      } = what;
      const author = customerOf(name, email);
      const ticket = what.ticketId === undefined ? createTicket(subject, author) : find(what.ticketId);
      const isReopened = ["solved", "pending"].includes(ticket.status);
      const fields: Change["fields"] = isReopened ? { status: "open" } : {};
      const comment = { public: true, body: text, files };
      update(ticket, { author, channel: "email" }, { comment, fields }, what.at ?? now());
      return { ticketId: ticket.id, commentId: ticket.comments.at(-1)?.id ?? 0 };
    },
    agentReplies(ticketId: number, text: string, status = "pending", author = agent): number {
      const ticket = find(ticketId);
      update(
        ticket,
        { author, channel: "web" },
        { comment: { public: true, body: text }, fields: { status } },
        now(),
      );
      return ticket.comments.at(-1)?.id ?? 0;
    },
    agentNotes(ticketId: number, text: string): void {
      update(
        find(ticketId),
        { author: agent, channel: "web" },
        { comment: { public: false, body: text } },
        now(),
      );
    },
    agentSets(ticketId: number, fields: Record<string, string | number | null>): void {
      update(find(ticketId), { author: agent, channel: "web" }, { fields }, now());
    },
    ruleSets(ticketId: number, fields: Record<string, string | number | null>): void {
      update(find(ticketId), { author: agent, channel: "web" }, { fields, byRule: true }, now());
    },
    suspend(text: string, cause = "Detected as spam"): Suspended {
      const author = { name: "Spam", email: "spam@customer.example" };
      const one = { id: nextId(), subject: "Buy", content: text, cause, author, created_at: iso(now()) };
      suspended.push(one);
      return one;
    },
    /** Notes that the connector's user wrote. */
    notes() {
      return [...tickets.values()].flatMap((ticket) =>
        ticket.comments
          .filter((comment) => comment.author_id === bot.id && !comment.public)
          .map((comment) => ({
            ticketId: ticket.id,
            id: comment.id,
            text: plainText(comment.html_body),
            comment,
          })),
      );
    },
  };
}

export type FakeAccount = ReturnType<typeof createFakeAccount>;
