/** What a Zammad for tests keeps, and what its people do in it. */
import { textToHtml } from "../../../plugins/toolkit/note.ts";

const agentId = 3;
/** The user that the connector works as. */
export const connectorId = 7;

export interface FakeTicket {
  id: number;
  title: string;
  state: string;
  updated_at: string;
}

export interface FakeArticle {
  id: number;
  ticket_id: number;
  sender: "Customer" | "Agent" | "System";
  type: string;
  internal: boolean;
  from: string;
  body: unknown;
  content_type: string;
  message_id: string;
  created_at: string;
  preferences: Record<string, unknown>;
  [more: string]: unknown;
}

export interface FakeDraft {
  id: number;
  ticket_id: number;
  new_article: Record<string, unknown>;
  ticket_attributes: Record<string, unknown>;
  updated_by_id: number;
}

export function createState() {
  const tickets = new Map<number, FakeTicket>();
  const articles: FakeArticle[] = [];
  const drafts = new Map<number, FakeDraft>();
  const now = () => new Date().toISOString();
  const touch = (id: number) => {
    const ticket = tickets.get(id);
    if (ticket) ticket.updated_at = now();
  };
  return {
    tickets,
    articles,
    drafts,
    now,
    touch,
    saveDraft(ticket_id: number, by: number, content: Pick<FakeDraft, "new_article" | "ticket_attributes">) {
      const id = drafts.get(ticket_id)?.id ?? 500 + ticket_id;
      drafts.set(ticket_id, { id, ticket_id, ...content, updated_by_id: by });
      touch(ticket_id);
    },
  };
}
export type State = ReturnType<typeof createState>;

/** What people do in it. */
export function peopleOf(state: State) {
  const { tickets, articles, now } = state;
  const add = (ticket_id: number, fields: Partial<FakeArticle>): FakeArticle => {
    const id = 1_000 + articles.length;
    const made: FakeArticle = {
      ...{ id, ticket_id, sender: "Customer", type: "email", internal: false, body: "", from: "", cc: null },
      ...{ content_type: "text/html", message_id: `<${id}@mail.example>`, subject: null, reply_to: null },
      ...{ created_at: now(), preferences: {}, attachments: [] },
      ...fields,
    };
    articles.push(made);
    state.touch(ticket_id);
    return made;
  };
  return {
    open(title: string): FakeTicket {
      const ticket = { id: tickets.size + 1, title, state: "new", updated_at: now() };
      tickets.set(ticket.id, ticket);
      return ticket;
    },
    customerWrites: (ticket: number, words: string, fields: Partial<FakeArticle> = {}) =>
      add(ticket, { from: "Ada Berg <ada@customer.example>", body: textToHtml(words), ...fields }),
    agentWrites: (ticket: number, words: string, fields: Partial<FakeArticle> = {}) =>
      add(ticket, {
        sender: "Agent",
        from: "Kim via Desk <desk@example.com>",
        body: textToHtml(words),
        ...fields,
      }),
    /** As its form does it: what the form does not know is not in there any more. */
    agentSavesDraft: (ticket: number, words: string) =>
      state.saveDraft(ticket, agentId, {
        new_article: {
          type: "email",
          to: "ada@customer.example",
          cc: "",
          internal: false,
          body: textToHtml(words),
        },
        ticket_attributes: { state_id: "2", owner_id: String(agentId) },
      }),
    setState(ticket: number, as: string) {
      const found = tickets.get(ticket);
      if (found) found.state = as;
      state.touch(ticket);
    },
  };
}
