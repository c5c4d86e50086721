/** Backfill: what a source held before it was read, or what lies in a file, taken into the history. */
import type { BackfillRequest, Log } from "../../plugins/contract/connector.ts";
import { ConnectorError, describeError } from "../../plugins/contract/errors.ts";
import type { ConnectorEventInput } from "../../plugins/contract/events.ts";
import { untilAborted } from "../lib/abort.ts";
import { storable } from "../lib/text.ts";
import type { Intake } from "../pipeline/intake.ts";
import type { Source } from "../pipeline/source.ts";
import { audit } from "../store/audit.ts";
import { lastRead } from "../store/cursors.ts";
import type { Database } from "../store/database.ts";
import { countKnown } from "../store/messages.ts";
import type { Instances, OpenConnector } from "./instances.ts";
import { eachPage } from "./pull.ts";

/** Why a message that was imported has no draft. */
export const importedSkip = "imported";
/** What was this old when the hub came to know of it was history then, and gets no draft. Milliseconds. */
export const historyMs = 7 * 86_400_000;
/** How far the clocks of those who write and the hub's may be apart, in milliseconds. */
const clockSlackMs = 15 * 60_000;

export interface BackfillParts {
  db: Database;
  instances: Instances;
  intake: Intake;
  log: Log;
}

/** What has become of it so far. */
export interface BackfillFigures {
  /** Read from the source. */
  messages: number;
  replies: number;
  /** Messages and replies that were not stored before. */
  stored: number;
  /** Items of this run that lie in quarantine now. */
  quarantined: number;
  /** So new that the hub's own reading brings them. */
  left: number;
}

export interface BackfillOptions extends BackfillRequest, Source {
  /** Whether old messages get drafts. */
  drafts: boolean;
  signal: AbortSignal;
  /** Counted up page by page. */
  figures: BackfillFigures;
}

export const noFigures = (): BackfillFigures => ({
  messages: 0,
  replies: 0,
  stored: 0,
  quarantined: 0,
  left: 0,
});

type Page = { events: ConnectorEventInput[] };

const cannotReadBack = ({ company, connector }: Source) =>
  new ConnectorError("config", `the connector ${company}/${connector} cannot read what is old`);

/**
 * Reads from a source what it held before, page by page, and hands each page to `take`.
 * @throws ConnectorError of kind `config` where the connector cannot do it, and what it throws
 */
export async function readBack(
  { spec, client }: Pick<OpenConnector, "spec" | "client">,
  source: Source,
  request: BackfillRequest,
  signal: AbortSignal,
  take: (page: Page) => Promise<void>,
): Promise<void> {
  const pages = spec.pull?.backfill?.(client, request, signal);
  if (!pages) throw cannotReadBack(source);
  await eachPage<Page>(pages, signal, take);
}

/**
 * What of a page is to be taken. An imported message never gets a draft: so what is newer than the hub's last look at the
 * source is left to the hub, which would find it stored already.
 */
function choose(events: ConnectorEventInput[], options: BackfillOptions, known: Date | null) {
  const newest = known === null ? Number.POSITIVE_INFINITY : known.getTime() - clockSlackMs;
  return events.flatMap((event): ConnectorEventInput[] => {
    if (event?.kind !== "message" && event?.kind !== "agent-reply") return [event];
    const isNew = (event.sentAt?.getTime() ?? 0) > newest;
    if (isNew && !(options.drafts && event.kind === "message")) return [];
    if (event.kind === "agent-reply" || options.drafts || event.skip !== undefined) return [event];
    return [{ ...event, skip: importedSkip }];
  });
}

/** Takes a page in, and counts by what the database holds before and after it. */
async function takePage(
  { db, intake }: BackfillParts,
  options: BackfillOptions,
  page: Page,
  known: Date | null,
) {
  const { figures, company, connector } = options;
  const source = { company, connector };
  const events = choose(page.events, options, known);
  const names = events.map((event) => event?.externalId as unknown);
  const ids = names.flatMap((name) => (typeof name === "string" ? [storable(name, 512)] : []));
  const before = await countKnown(db, source, ids);
  await intake.acceptPage(source, { events }, "writing");
  const after = await countKnown(db, source, ids);
  const count = (kind: string) => page.events.filter((event) => event?.kind === kind).length;
  figures.messages += count("message");
  figures.replies += count("agent-reply");
  figures.left += page.events.length - events.length;
  figures.stored += after.stored - before.stored;
  figures.quarantined += after.quarantined + names.length - ids.length;
}

/**
 * Reads what the source held before, page by page. Each page is one commit: what is stored stays, and reading it again
 * stores nothing twice. Ids follow the time of writing, so that what is old neither overtakes nor answers what is new.
 * @throws ConnectorError of kind `config` where there is no such connector or it cannot do it, and what the connector throws
 */
export async function backfill(parts: BackfillParts, options: BackfillOptions): Promise<void> {
  const { db, instances, log } = parts;
  const { company, connector, since, path, drafts, signal, figures } = options;
  const open = await untilAborted(instances.open(company, connector), signal);
  if (!open.spec.pull?.backfill) throw cannotReadBack({ company, connector });
  const known = path === null ? await lastRead(db, company, connector) : null;
  const ending = AbortSignal.any([signal, open.signal]);
  const note = () =>
    audit(db, [
      {
        company,
        actor: "operator",
        action: "history.imported",
        subject: connector,
        detail: { since, path: path && storable(path, 2_000), drafts, ...figures },
      },
    ]);
  try {
    await readBack(open, options, { since, path }, ending, (page) => takePage(parts, options, page, known));
  } catch (error) {
    try {
      await note();
    } catch (failure) {
      log.warn("the backfill could not be written to the audit log", { error: describeError(failure) });
    }
    throw error;
  }
  await note();
}
