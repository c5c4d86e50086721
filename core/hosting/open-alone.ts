/** A connector opened for one look, without a hub or beside one: used and closed, with nothing of it kept. */
import type { Company, ConnectorInstance } from "../../config/types.ts";
import type { Context, Tokens } from "../../plugins/contract/connector.ts";
import { ConnectorError, describeError } from "../../plugins/contract/errors.ts";
import { untilAborted } from "../lib/abort.ts";
import type { LogFor } from "../lib/log.ts";
import type { Database } from "../store/database.ts";
import { createConnectorFetch } from "./fetch.ts";
import { createLocalQuotaKeeper } from "./quota.ts";
import { createTokens } from "./tokens.ts";

/** For closing a connector, in milliseconds. */
const closingMs = 5_000;

export interface AloneParts {
  /** The hub's, for tokens alone. Null where it does not run. */
  db: Database | null;
  logFor: LogFor;
  /** What is done with the connector, for errors: "start the hub, then check again". */
  verb: string;
  /** What was written before is history to the connector. Default: now. */
  since?: Date;
  /** Told when an access token was asked for anew: it is kept for the hub as well. */
  onRenewal?: () => void;
}

/**
 * The tokens that the hub uses. Without its database none is asked for: where refresh tokens can be used once, the hub
 * would be left with one that is void.
 */
function tokensOf({ db, verb, onRenewal }: AloneParts, company: string, instance: string): Tokens {
  const needed = "its access token is kept in the hub's database";
  return {
    async accessToken(request) {
      if (!db)
        throw new ConnectorError(
          "config",
          `${needed}, which does not run: start the hub, then ${verb} again`,
        );
      const refresh: typeof request.refresh = async (last) => {
        const token = await request.refresh(last);
        onRenewal?.();
        return token;
      };
      try {
        return await createTokens(db, company, instance).accessToken({ ...request, refresh });
      } catch (error) {
        if ((error as { code?: unknown }).code !== "42P01") throw error;
        throw new ConnectorError(
          "config",
          `${needed}, which is empty: start the hub once, then ${verb} again`,
          {
            cause: error,
          },
        );
      }
    },
  };
}

function contextOf(parts: AloneParts, company: Company, { instance, spec, config }: ConnectorInstance) {
  const { since = new Date() } = parts;
  const quota = spec.quota?.(config);
  const context: Context<unknown> = {
    company: company.id,
    instance,
    companyName: company.name,
    config,
    log: parts.logFor(`connector ${company.id}/${instance}`),
    fetch: createConnectorFetch(spec.limits, quota && createLocalQuotaKeeper(quota)),
    conversations: { read: async () => [], attachment: async () => null },
    tokens: tokensOf(parts, company.id, instance),
    since: async () => since,
  };
  return context;
}

/**
 * Opens a connector, hands its client to `use`, and closes it, whatever comes of it: also one that opens too late.
 * @param signal ends the opening; `use` has to heed it by itself
 * @throws the signal's reason where it aborts before the connector is open, and what `open` and `use` throw
 */
export async function withConnector<Result>(
  parts: AloneParts,
  company: Company,
  connector: ConnectorInstance,
  signal: AbortSignal,
  use: (client: unknown) => Promise<Result>,
): Promise<Result> {
  // Not to be thrown here but to fail the opening: a connector's `open` need not be an async function.
  const opening = (async () => connector.spec.open(contextOf(parts, company, connector), signal))();
  try {
    return await use(await untilAborted(opening, signal));
  } finally {
    await close(parts, connector, opening);
  }
}

async function close({ logFor, verb }: AloneParts, { spec }: ConnectorInstance, opening: Promise<unknown>) {
  const closing = opening.then(
    (client) => spec.close(client),
    () => undefined, // It never opened, which its caller was told: there is nothing to close.
  );
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`took longer than ${closingMs} ms`)), closingMs);
  });
  try {
    await Promise.race([closing, late]);
  } catch (error) {
    logFor(verb).debug("closing a connector failed", { connector: spec.name, error: describeError(error) });
  } finally {
    clearTimeout(timer);
  }
}
