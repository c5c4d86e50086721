/** What the e-mail connector does: apart from what it declares, since the libraries for it are loaded where a mailbox is read. */
import type {
  BackfillRequest,
  Delivered,
  Health,
  ListRequest,
  OutgoingDraft,
  OutgoingReply,
} from "../../plugins/contract/connector.ts";
import { ConnectorError, describeError, isConnectorError, kindOf } from "../../plugins/contract/errors.ts";
import type { ConnectorEventInput } from "../../plugins/contract/events.ts";
import type { EmailClient } from "./client.ts";
import { putDraft, removeDrafts } from "./delivery/drafts.ts";
import { notifyAgents } from "./delivery/notify.ts";
import { sendReply } from "./delivery/send.ts";
import { filePages } from "./files/file-pages.ts";
import { backfillPages } from "./imap/backfill.ts";
import { connect } from "./imap/connection.ts";
import type { ImapCursor } from "./imap/cursor.ts";
import { findSpecial, listFolders, resolveFolders } from "./imap/folders.ts";
import { keyedMails, missedPages, placeOf, remember } from "./imap/keyed-mails.ts";
import { examine } from "./imap/list-mails.ts";
import { pullPages } from "./imap/pull.ts";
import { readMails } from "./read-mails.ts";

export { openClient } from "./client.ts";

/** Signs in to both servers, looks at the folders, and opens those without which nothing works. */
async function look({ ctx, imap, pull, smtp }: EmailClient, signal: AbortSignal): Promise<string> {
  const { config } = ctx;
  const connection = await connect(imap, signal);
  try {
    const folders = await listFolders(connection);
    const read = resolveFolders(folders, pull.folders).folders.map(({ path }) => path);
    const drafts = config.draftsFolder ?? findSpecial(folders, "\\Drafts")?.path;
    if (config.drafts === "mailbox" && !folders.some(({ path }) => path === drafts)) {
      throw new ConnectorError("config", "the mailbox has no Drafts folder: name one in `draftsFolder`");
    }
    // A folder that is listed may be one that cannot be opened.
    for (const path of [read[0], config.drafts === "mailbox" ? drafts : undefined]) {
      if (path !== undefined) await examine(connection, path);
    }
    await smtp?.check(signal);
    const going = {
      mailbox: `drafts go to ${drafts}`,
      agents: `drafts are mailed to ${config.agentsAddress}`,
      api: "drafts stay in the API",
    };
    return `reads ${read.join(", ")}; ${going[config.drafts]}; ${smtp ? `sends by ${smtp.host}` : "sends nothing"}`;
  } finally {
    await connection.close();
  }
}

/** Once an agent has answered, nobody needs the draft; what an agent has changed stays. */
async function withdrawAnswered(
  client: EmailClient,
  events: ConnectorEventInput[],
  signal: AbortSignal,
): Promise<void> {
  if (client.ctx.config.drafts !== "mailbox") return;
  for (const event of events) {
    const thread = event.kind === "agent-reply" ? event.thread : undefined;
    const messageIds = thread?.references ?? [];
    if (messageIds.length === 0) continue;
    try {
      await removeDrafts(client.delivery, { messageIds, people: thread?.participants ?? [] }, signal);
    } catch (error) {
      // What may pass is tried again with the page; what will not must not keep customers' mail from being read.
      if (!isConnectorError(error) || !["config", "permanent"].includes(kindOf(error))) throw error;
      client.ctx.log.warn("a draft that is no longer needed could not be removed", {
        error: describeError(error),
      });
    }
  }
}

/** Mails that the hub has missed: read as if they had just come. */
async function* readMissed(
  client: EmailClient,
  request: { since: Date; only: ReadonlySet<string> },
  signal: AbortSignal,
): AsyncGenerator<{ events: ConnectorEventInput[] }> {
  for await (const { mails } of missedPages(client.pull, client.keys, request, signal)) {
    const events: ConnectorEventInput[] = [];
    for (const mail of mails) {
      const read = await readMails(client, [mail]);
      // The whole mail has the last word on its key.
      remember(client.keys, placeOf(mail), read[0]?.externalId ?? null);
      events.push(...read);
    }
    await withdrawAnswered(client, events, signal);
    yield { events };
  }
}

export async function check(client: EmailClient, signal: AbortSignal): Promise<Health> {
  try {
    return { ok: true, detail: await look(client, signal) };
  } catch (error) {
    signal.throwIfAborted();
    return { ok: false, detail: describeError(error) };
  }
}

export async function* pages(client: EmailClient, from: ImapCursor | null, signal: AbortSignal) {
  for await (const { mails, cursor } of pullPages(client.pull, from, signal)) {
    const events = await readMails(client, mails);
    await withdrawAnswered(client, events, signal);
    yield { events, cursor };
  }
}

export async function* backfill(
  client: EmailClient,
  { since, path, only }: BackfillRequest,
  signal: AbortSignal,
) {
  if (only && path === null) {
    yield* readMissed(client, { since: since ?? new Date(0), only }, signal);
    return;
  }
  const { maxBytes } = client.ctx.config;
  const found =
    path === null
      ? backfillPages(client.pull, since ?? new Date(0), signal)
      : filePages(path, since, { maxBytes }, signal);
  for await (const { mails } of found) yield { events: await readMails(client, mails) };
}

export async function* list(client: EmailClient, request: ListRequest, signal: AbortSignal) {
  for await (const found of keyedMails(client.pull, client.keys, request, signal)) {
    yield found.map(({ key, mail }) => ({ externalId: key, at: mail.internalDate }));
  }
}

export function reread(client: EmailClient, raw: Uint8Array): Promise<ConnectorEventInput[]> {
  const place = { folder: "quarantine", role: "inbox", uid: 0, uidValidity: "0" } as const;
  return readMails(client, [{ ...place, raw, size: raw.length, internalDate: new Date() }]);
}

export async function put(
  { ctx, delivery, smtp, once }: EmailClient,
  draft: OutgoingDraft,
  signal: AbortSignal,
): Promise<Delivered> {
  const { drafts, agentsAddress, saveSent } = ctx.config;
  if (drafts === "mailbox") return putDraft(delivery, draft, signal);
  if (drafts === "api" || !smtp || agentsAddress === undefined)
    return { externalId: draft.id, created: true };
  return notifyAgents({ ...delivery, smtp, once, saveSent, agentsAddress }, draft, signal);
}

export async function send(
  { ctx, delivery, smtp, once }: EmailClient,
  reply: OutgoingReply,
  signal: AbortSignal,
): Promise<void> {
  if (!smtp) {
    throw new ConnectorError(
      "config",
      "the reply is recorded but not sent: the mailbox has no `smtp` in its config",
    );
  }
  await sendReply({ ...delivery, smtp, once, saveSent: ctx.config.saveSent }, reply, signal);
}
