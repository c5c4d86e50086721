/** Settings and drafts for the tests of deliveries. */
import { ImapFlow } from "imapflow";
import type { AnsweredMessage, OutgoingDraft, OutgoingTicket } from "../../../plugins/contract/connector.ts";
import type { Sender } from "./compose.ts";
import { createDeliveryMailbox, type DeliveryFolders } from "./mailbox.ts";
import { ownAddresses } from "./recipients.ts";
import { type MailOrigin, toSourceData } from "./source-data.ts";

export function testSender(changes: Partial<Sender> = {}): Sender {
  return {
    company: "shop",
    instance: "mail",
    displayName: "The Shop",
    own: ownAddresses(["support@shop.example", "billing@shop.example"]),
    signature: null,
    subjectCode: false,
    timeZone: "UTC",
    ...changes,
  };
}

export function testOrigin(changes: Partial<MailOrigin> = {}): MailOrigin {
  return {
    messageId: "question-1@customer.example",
    references: [],
    from: [{ name: "Jane Roe", address: "jane@customer.example" }],
    replyTo: [],
    to: [{ name: null, address: "support@shop.example" }],
    cc: [],
    deliveredTo: null,
    subject: "Where is my parcel?",
    date: "2026-11-20T10:12:00.000Z",
    ...changes,
  };
}

export interface DraftChanges {
  key?: string;
  text?: string;
  language?: string | null;
  origin?: MailOrigin | null;
  ticket?: Partial<OutgoingTicket>;
  message?: Partial<AnsweredMessage>;
}

export function testDraft(changes: DraftChanges = {}): OutgoingDraft {
  const { key = "message-1", text = "It is on its way.", language = "en", origin = testOrigin() } = changes;
  return {
    id: `draft-of-${key}`,
    idempotencyKey: key,
    ticket: {
      id: "ticket-1",
      code: "0123456789",
      threadId: "thread-1",
      subject: "Where is my parcel?",
      requester: { name: "Jane Roe", email: "jane@customer.example" },
      ...changes.ticket,
    },
    message: {
      id: key,
      externalId: `${key}@customer.example`,
      text: "Hello,\n\nwhere is my parcel?",
      quoted: null,
      sentAt: new Date("2026-11-20T10:12:00Z"),
      sourceData: origin === null ? null : toSourceData(origin),
      ...changes.message,
    },
    text,
    language,
    labels: {
      type: { value: "question", confidence: 0.9 },
      priority: { value: "normal", confidence: 0.8 },
      department: { value: "shipping", confidence: 0.7 },
    },
    sources: [{ title: "Delivery times", path: "delivery.md", url: "https://shop.example/help/delivery" }],
    writtenBy: "offline",
  };
}

/** A log that keeps what was said. */
export function testLog() {
  const lines: string[] = [];
  const say = (message: string, fields?: Record<string, unknown>) => {
    lines.push(`${message} ${JSON.stringify(fields ?? {})}`);
  };
  return { lines, debug: say, info: say, warn: say, error: say };
}

export interface TestMailboxOptions {
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly folders?: Partial<DeliveryFolders>;
  readonly idleMs?: number;
  readonly timeoutMs?: number;
  /** May change a client that is signed in, such as taking a capability from it. */
  readonly prepare?: (client: ImapFlow) => void;
}

/** A delivery mailbox that counts its connections. */
export function testMailbox(options: TestMailboxOptions) {
  let connections = 0;
  const log = testLog();
  const mailbox = createDeliveryMailbox({
    log,
    ...(options.idleMs !== undefined && { idleMs: options.idleMs }),
    ...(options.timeoutMs !== undefined && { timeoutMs: options.timeoutMs }),
    async connect() {
      const client = new ImapFlow({
        host: "127.0.0.1",
        port: options.port,
        secure: false,
        doSTARTTLS: false,
        auth: { user: options.user, pass: options.password },
        logger: false,
      });
      await client.connect();
      connections += 1;
      options.prepare?.(client);
      return client;
    },
    async findFolders(client) {
      const folders = await client.list();
      const of = (use: string) => folders.find(({ specialUse }) => specialUse === use)?.path ?? null;
      return { drafts: of("\\Drafts"), sent: of("\\Sent"), trash: of("\\Trash"), ...options.folders };
    },
  });
  return { ...mailbox, log, connections: () => connections };
}
