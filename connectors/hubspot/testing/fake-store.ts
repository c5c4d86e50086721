/** The state of a HubSpot account in memory: tickets with their history, notes, contacts, threads. */
export interface HistoryItem {
  /** Null, as well as "", where it was emptied. */
  value: string | null;
  timestamp: string;
  sourceType: string;
  sourceId?: string;
  updatedByUserId?: number;
}

/** Who changes a property. */
export type Source = Pick<HistoryItem, "sourceType" | "sourceId" | "updatedByUserId">;

export interface FakeObject {
  id: string;
  createdAt: number;
  updatedAt: number;
  archived: boolean;
  properties: Record<string, string | null>;
  history: Record<string, HistoryItem[]>;
}

export interface FakeTicket extends FakeObject {
  contacts: string[];
  notes: string[];
  /** The ticket as the search knows it, and versions that it will learn of. */
  indexed: Pick<FakeObject, "properties" | "updatedAt"> | null;
  pending: Array<{ due: number; version: Pick<FakeObject, "properties" | "updatedAt"> }>;
}

export interface FakeThread {
  id: string;
  ticketId: string | null;
  createdAt: number;
  spam: boolean;
  /** In the trash. */
  archived: boolean;
  /** As the API gives them; what is wrong in one stays wrong. */
  messages: Array<Record<string, unknown>>;
  latestAt: number;
}

export interface FakeFile {
  name: string;
  content: Uint8Array;
  /** What its own host answers with. */
  status: number;
}

export interface FakeStore {
  readonly tickets: Map<string, FakeTicket>;
  readonly notes: Map<string, FakeObject>;
  readonly contacts: Map<string, FakeObject>;
  readonly threads: Map<string, FakeThread>;
  readonly files: Map<string, FakeFile>;
  readonly originals: Map<string, { text: string; richText: string }>;
  readonly actors: Map<string, Record<string, unknown>>;
  /** How long the search takes to learn of a change, in milliseconds. */
  searchLagMs: number;
  /** A time later than all times before. */
  tick(): number;
  nextId(): string;
  /** @param at the ticket's time, where it is not to be a new one */
  addTicket(properties: Record<string, string>, source: Source, at?: number): FakeTicket;
  change(ticket: FakeTicket, properties: Record<string, string>, source: Source): void;
  /** What happens to a ticket beside its properties moves its time too. */
  touch(ticket: FakeTicket): void;
  /** Lets the search learn of all that it is due to know. */
  index(): void;
}

export const iso = (at: number) => new Date(at).toISOString();

function writeHistory(
  object: FakeObject,
  properties: Record<string, string>,
  source: Source,
  at: number,
): void {
  for (const [name, value] of Object.entries(properties)) {
    object.properties[name] = value === "" ? null : value;
    object.history[name] = [{ value, timestamp: iso(at), ...source }, ...(object.history[name] ?? [])];
  }
}

export function createStore(): FakeStore {
  let last = 0;
  let ids = 5_000_000;
  const learn = (ticket: FakeTicket) => {
    const version = { properties: { ...ticket.properties }, updatedAt: ticket.updatedAt };
    if (store.searchLagMs <= 0) {
      ticket.indexed = version;
      ticket.pending = [];
    } else ticket.pending.push({ due: Date.now() + store.searchLagMs, version });
  };
  const move = (ticket: FakeTicket, at: number) => {
    ticket.updatedAt = at;
    ticket.properties.hs_lastmodifieddate = iso(at);
    learn(ticket);
  };
  const store: FakeStore = {
    tickets: new Map(),
    notes: new Map(),
    contacts: new Map(),
    threads: new Map(),
    files: new Map(),
    originals: new Map(),
    actors: new Map(),
    searchLagMs: 0,
    tick() {
      last = Math.max(Date.now(), last + 1);
      return last;
    },
    nextId: () => String(++ids),
    addTicket(properties, source, at = store.tick()) {
      const id = store.nextId();
      const ticket: FakeTicket = {
        id,
        createdAt: at,
        updatedAt: at,
        archived: false,
        properties: { hs_object_id: id, createdate: iso(at) },
        history: {},
        contacts: [],
        notes: [],
        indexed: null,
        pending: [],
      };
      writeHistory(ticket, properties, source, at);
      store.tickets.set(id, ticket);
      move(ticket, at);
      return ticket;
    },
    change(ticket, properties, source) {
      const at = store.tick();
      writeHistory(ticket, properties, source, at);
      move(ticket, at);
    },
    touch: (ticket) => move(ticket, store.tick()),
    index() {
      for (const ticket of store.tickets.values()) {
        const due = ticket.pending.filter((one) => one.due <= Date.now());
        ticket.pending = ticket.pending.filter((one) => one.due > Date.now());
        const newest = due.at(-1);
        if (newest) ticket.indexed = newest.version;
      }
    },
  };
  return store;
}
