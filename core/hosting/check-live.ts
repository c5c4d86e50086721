/** A look at what connectors connect to: each is opened, asked and closed. Nothing is changed, and no hub need run. */
import type { Company, ConnectorInstance } from "../../config/types.ts";
import type { Health } from "../../plugins/contract/connector.ts";
import { ConnectorError, describeError } from "../../plugins/contract/errors.ts";
import { untilAborted } from "../lib/abort.ts";
import type { LogFor } from "../lib/log.ts";
import type { Database } from "../store/database.ts";
import { withConnector } from "./open-alone.ts";

/** For opening and checking one connector together, in milliseconds. */
const checkingMs = 30_000;

export interface CheckParts {
  /** Null where the hub's database does not run. */
  db: Database | null;
  logFor: LogFor;
  /** Milliseconds, 30,000 by default. */
  limitMs?: number;
}

/** Never rejects: what a connector throws, or does not do in time, is its health. */
export async function checkLive(
  { db, logFor, limitMs = checkingMs }: CheckParts,
  company: Company,
  connector: ConnectorInstance,
): Promise<Health> {
  const { spec } = connector;
  const abort = new AbortController();
  const late = new ConnectorError("transient", `no answer within ${limitMs / 1_000} s`);
  const timer = setTimeout(() => abort.abort(late), limitMs);
  const { signal } = abort;
  try {
    return await withConnector({ db, logFor, verb: "check" }, company, connector, signal, (client) =>
      untilAborted(spec.check(client, signal), signal),
    );
  } catch (error) {
    return { ok: false, detail: describeError(error) };
  } finally {
    clearTimeout(timer);
  }
}
