/** A look at what connectors connect to: each is opened, asked and closed. Nothing is changed, and no hub need run. */
import type { Company, ConnectorInstance } from "../../config/types.ts";
import type { Context, Health, Tokens } from "../../plugins/contract/connector.ts";
import { ConnectorError, describeError } from "../../plugins/contract/errors.ts";
import { untilAborted } from "../lib/abort.ts";
import type { LogFor } from "../lib/log.ts";
import type { Database } from "../store/database.ts";
import { createConnectorFetch } from "./fetch.ts";
import { createTokens } from "./tokens.ts";

/** For opening and checking one connector together, in milliseconds. */
const checkingMs = 30_000;
/** For closing it, in milliseconds. */
const closingMs = 5_000;

export interface CheckParts {
  /** Null where the hub's database does not run. */
  db: Database | null;
  logFor: LogFor;
  /** Milliseconds, 30,000 by default. */
  limitMs?: number;
}

/**
 * The tokens that the hub uses. Without its database none is asked for: where refresh tokens can be used once, the hub
 * would be left with one that is void.
 */
function tokensOf({ db }: CheckParts, company: string, instance: string): Tokens {
  const needed = "its access token is kept in the hub's database";
  return {
    async accessToken(request) {
      if (!db)
        throw new ConnectorError("config", `${needed}, which does not run: start the hub, then check again`);
      try {
        return await createTokens(db, company, instance).accessToken(request);
      } catch (error) {
        if ((error as { code?: unknown }).code !== "42P01") throw error;
        throw new ConnectorError(
          "config",
          `${needed}, which is empty: start the hub once, then check again`,
          {
            cause: error,
          },
        );
      }
    },
  };
}

function contextOf(parts: CheckParts, company: Company, { instance, spec, config }: ConnectorInstance) {
  const context: Context<unknown> = {
    company: company.id,
    instance,
    companyName: company.name,
    config,
    log: parts.logFor(`connector ${company.id}/${instance}`),
    fetch: createConnectorFetch(spec.limits),
    conversations: { read: async () => [], attachment: async () => null },
    tokens: tokensOf(parts, company.id, instance),
  };
  return context;
}

/** Never rejects: what a connector throws, or does not do in time, is its health. */
export async function checkLive(
  parts: CheckParts,
  company: Company,
  connector: ConnectorInstance,
): Promise<Health> {
  const { spec } = connector;
  const { limitMs = checkingMs } = parts;
  const abort = new AbortController();
  const late = new ConnectorError("transient", `no answer within ${limitMs / 1_000} s`);
  const timer = setTimeout(() => abort.abort(late), limitMs);
  const opening = (async () => spec.open(contextOf(parts, company, connector), abort.signal))();
  try {
    const client = await untilAborted(opening, abort.signal);
    return await untilAborted(spec.check(client, abort.signal), abort.signal);
  } catch (error) {
    return { ok: false, detail: describeError(error) };
  } finally {
    clearTimeout(timer);
    await close(parts, connector, opening);
  }
}

async function close({ logFor }: CheckParts, { spec }: ConnectorInstance, opening: Promise<unknown>) {
  const closing = opening.then(
    (client) => spec.close(client),
    () => undefined, // It never opened, which the health tells: there is nothing to close.
  );
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`took longer than ${closingMs} ms`)), closingMs);
  });
  try {
    await Promise.race([closing, late]);
  } catch (error) {
    logFor("check").debug("closing a connector failed", {
      connector: spec.name,
      error: describeError(error),
    });
  } finally {
    clearTimeout(timer);
  }
}
