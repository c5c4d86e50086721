/** The connectors of the companies as they run: opened when first needed, paused when refused, closed and reopened when changed. */
import type { CompanyDirectory } from "../../config/directory.ts";
import type { ConnectorInstance } from "../../config/types.ts";
import type { AnyConnector, Context, Conversations, Log } from "../../plugins/contract/connector.ts";
import { ConnectorError, describeError, kindOf } from "../../plugins/contract/errors.ts";
import type { Blobs } from "../blobs/blobs.ts";
import { untilAborted } from "../lib/abort.ts";
import { type Breakers, createBreakers } from "../lib/breakers.ts";
import { createBulkhead } from "../lib/bulkhead.ts";
import { createGate, type Gate } from "../lib/gate.ts";
import type { LogFor } from "../lib/log.ts";
import { storable } from "../lib/text.ts";
import { audit } from "../store/audit.ts";
import { findAttachment, readConversation } from "../store/conversations.ts";
import type { Database } from "../store/database.ts";
import { firstRead } from "../store/ledger.ts";
import { createConnectorFetch } from "./fetch.ts";
import { createQuotaKeeper } from "./quota.ts";
import { createTokens } from "./tokens.ts";

/** After this time a paused connector is tried once more: credentials may have been mended on the other side. Milliseconds. */
const pausedMs = 5 * 60_000;
/** The longest time that a connector may take to open, in milliseconds. */
const openingMs = 30_000;

/** A connector that is open. */
export interface OpenConnector {
  spec: AnyConnector;
  config: unknown;
  client: unknown;
  log: Log;
  /** Aborts when the connector is closed. */
  signal: AbortSignal;
  /** The line in front of its deliveries. `ctx.fetch` has one of its own, which a delivery passes on its way. */
  gate: Gate;
}

export interface ConnectorStatus {
  company: string;
  instance: string;
  state: "closed" | "open" | "paused";
  /** Why it is paused. */
  detail: string | null;
}

export interface Instances {
  /**
   * The open connector. Throws a ConnectorError: `config` where the company has none of this name, `auth` while it is
   * paused, and whatever its `open` throws.
   * @param use `incoming` opens the connector though it is paused: what customers send is taken in, even while the
   *   other side refuses our credentials
   */
  open(company: string, instance: string, use?: "outgoing" | "incoming"): Promise<OpenConnector>;
  /** Tells of an error that a call of the connector threw: `auth` pauses it. Never rejects. */
  report(company: string, instance: string, error: unknown): Promise<void>;
  status(): ConnectorStatus[];
  /** Guards the systems behind the connectors, by `company/instance`. */
  readonly breakers: Breakers;
  close(): Promise<void>;
}

export interface InstancesParts {
  directory: CompanyDirectory;
  db: Database;
  blobs: Blobs;
  logFor: LogFor;
  /** The node's own. Default: some for these connectors alone. */
  breakers?: Breakers;
}

interface Entry {
  digest: string;
  abort: AbortController;
  spec: AnyConnector;
  /** What `open` returns, whenever that is. */
  client: Promise<unknown>;
  opening: Promise<OpenConnector>;
  open: boolean;
}

function conversationsOf({ db, blobs }: InstancesParts, company: string, connector: string): Conversations {
  return {
    read: (threadId, after) => readConversation(db, company, connector, threadId, after ?? null),
    async attachment(threadId, attachmentId) {
      const found = await findAttachment(db, company, attachmentId, { connector, threadId });
      return found && { name: found.name, mediaType: found.mediaType, content: await blobs.get(found.blob) };
    },
  };
}

/** Once a source has been read, the time stays. */
function createSince(db: Database, company: string, connector: string): () => Promise<Date> {
  let known: Date | null = null;
  return async () => {
    known ??= await firstRead(db, { company, connector });
    return known ?? new Date();
  };
}

export function createInstances(parts: InstancesParts): Instances {
  const { directory, db, logFor } = parts;
  const entries = new Map<string, Entry>();
  const paused = new Map<string, { digest: string; until: number; detail: string }>();
  const log = logFor("connectors");
  let closed = false;

  const find = (company: string, instance: string): ConnectorInstance => {
    const found = directory.get(company)?.connectors.get(instance);
    if (!found) throw new ConnectorError("config", `the company "${company}" has no connector "${instance}"`);
    return found;
  };

  const start = (company: string, found: ConnectorInstance): Entry => {
    const { spec, config, instance } = found;
    const abort = new AbortController();
    const own = logFor(`connector ${company}/${instance}`);
    const quota = spec.quota?.(config);
    const context: Context<unknown> = {
      company,
      instance,
      companyName: directory.get(company)?.name ?? company,
      config,
      log: own,
      fetch: createConnectorFetch(spec.limits, quota && createQuotaKeeper(db, quota)),
      conversations: conversationsOf(parts, company, instance),
      tokens: createTokens(db, company, instance),
      since: createSince(db, company, instance),
    };
    const gate = createBulkhead(createGate(spec.limits), { what: `the connector ${company}/${instance}` });
    // Not to be thrown here but to fail the opening: a connector's `open` need not be an async function.
    const client = (async () => spec.open(context, abort.signal))();
    const late = setTimeout(
      () => abort.abort(new ConnectorError("transient", `opening took longer than ${openingMs} ms`)),
      openingMs,
    );
    const opening = untilAborted(client, abort.signal)
      .then((client): OpenConnector => {
        entry.open = true;
        return { spec, config, client, log: own, signal: abort.signal, gate };
      })
      .finally(() => clearTimeout(late));
    const entry: Entry = { digest: found.digest, abort, spec, client, opening, open: false };
    return entry;
  };

  const close = async (key: string, entry: Entry) => {
    if (entries.get(key) === entry) entries.delete(key);
    entry.abort.abort(new ConnectorError("transient", "the connector is being closed"));
    let client: unknown;
    try {
      // Also one that opens too late for its callers.
      client = await entry.client;
    } catch (error) {
      // It never opened, and whoever asked for it was told: there is nothing to close.
      log.debug("a connector that is closed had not opened", { connector: key, error: describeError(error) });
      return;
    }
    try {
      await entry.spec.close(client);
    } catch (error) {
      log.warn("closing a connector failed", { connector: key, error: describeError(error) });
    }
  };

  const unsubscribe = directory.onChange((id, company) => {
    for (const [key, entry] of entries) {
      const [of, instance] = key.split("/") as [string, string];
      if (of === id && company?.connectors.get(instance)?.digest !== entry.digest) void close(key, entry);
    }
  });

  /** A connector that is paused stays open for what comes in; after the pause it signs in afresh. */
  const report = async (company: string, instance: string, error: unknown) => {
    const key = `${company}/${instance}`;
    const digest = directory.get(company)?.connectors.get(instance)?.digest;
    const pause = paused.get(key);
    if (kindOf(error) !== "auth" || digest === undefined) return;
    if (pause?.digest === digest && pause.until > Date.now()) return;
    const detail = describeError(error);
    paused.set(key, { digest, until: Date.now() + pausedMs, detail });
    log.error("a connector is paused: its credentials were refused. Mend them in its config", {
      connector: key,
      detail,
    });
    const stored = { error: storable(detail, 2_000) };
    try {
      await audit(db, [
        { company, actor: "hub", action: "connector.paused", subject: instance, detail: stored },
      ]);
    } catch (failure) {
      log.warn("the pause of a connector could not be written to the audit log", {
        connector: key,
        error: describeError(failure),
      });
    }
  };

  return {
    breakers: parts.breakers ?? createBreakers({ log }),
    async open(company, instance, use = "outgoing") {
      if (closed) throw new ConnectorError("transient", "the connectors are closed: this node stops");
      const found = find(company, instance);
      const key = `${company}/${instance}`;
      const pause = paused.get(key);
      const isPaused = pause !== undefined && pause.digest === found.digest && pause.until > Date.now();
      if (isPaused && use === "incoming" && entries.get(key)?.open)
        return (entries.get(key) as Entry).opening;
      if (isPaused) {
        throw new ConnectorError("auth", `the connector ${key} is paused: ${pause.detail}`, {
          retryAfterMs: pause.until - Date.now(),
        });
      }
      if (!isPaused) paused.delete(key);
      let entry = entries.get(key);
      if (entry && (entry.digest !== found.digest || pause)) {
        void close(key, entry);
        entry = undefined;
      }
      if (!entry) {
        entry = start(company, found);
        entries.set(key, entry);
      }
      try {
        return await entry.opening;
      } catch (error) {
        // Every caller that waited comes by here; the first one clears up.
        if (entries.get(key) === entry) void close(key, entry);
        await report(company, instance, error);
        throw error;
      }
    },
    report,
    status() {
      return directory.all().flatMap((company) =>
        [...company.connectors.keys()].map((instance) => {
          const key = `${company.id}/${instance}`;
          const known = paused.get(key);
          const digest = company.connectors.get(instance)?.digest;
          const pause = known && known.digest === digest && known.until > Date.now() ? known : undefined;
          const state = pause ? "paused" : entries.get(key)?.open ? "open" : "closed";
          return { company: company.id, instance, state, detail: pause?.detail ?? null } as ConnectorStatus;
        }),
      );
    },
    async close() {
      closed = true;
      unsubscribe();
      await Promise.all([...entries].map(([key, entry]) => close(key, entry)));
    },
  };
}
