/** Connectors that read wrongly while the other side fails. */
import { ConnectorError, isConnectorError, kindOf } from "../../contract/errors.ts";
import { type Flaw, goodPages, isBrokenOff, isTimeOut, treatingErrors, withPages } from "./flaw.ts";
import { type Client, commentsAfter } from "./reference.ts";

const isServerError = (error: unknown) => isConnectorError(error) && (error.status ?? 0) >= 500;

/** After an error it begins again at the end. */
function forgettingAfterErrors() {
  const failed = new WeakSet<Client>();
  return withPages(async function* (client, from, signal) {
    if (failed.has(client)) {
      const last = (await commentsAfter(client, 0, signal)).at(-1);
      failed.delete(client);
      return yield { events: [], cursor: { after: last?.id ?? 0 } };
    }
    try {
      yield* goodPages(client, from, signal);
    } catch (error) {
      if (!signal.aborted) failed.add(client);
      throw error;
    }
  });
}

const auth = "pull: refused credentials end a read with an error of kind auth";
const limited = "pull: a request to slow down ends a read with an error of kind rate_limited";
const serverError = "pull: an error of the other side's own ends a read with an error of kind transient";
const silent = "pull: an answer that never comes ends a read with an error of kind transient";
const cut = "pull: an answer that breaks off ends a read with an error of kind transient";

export const pullFaultFlaws: Flaw[] = [
  {
    flaw: "refused credentials that look like an empty page",
    caughtBy: auth,
    spec: treatingErrors((error) => {
      if (kindOf(error) !== "auth") throw error;
    }),
  },
  {
    flaw: "refused credentials that are tried again for ever",
    caughtBy: auth,
    spec: treatingErrors((error) => {
      if (kindOf(error) !== "auth") throw error;
      throw new ConnectorError("transient", "the helpdesk did not let us in");
    }),
  },
  {
    flaw: "a request to slow down whose time gets lost",
    caughtBy: limited,
    spec: treatingErrors((error) => {
      if (kindOf(error) !== "rate_limited") throw error;
      throw new ConnectorError("rate_limited", "slow down");
    }),
  },
  {
    flaw: "a request to slow down that counts as a failure",
    caughtBy: limited,
    spec: treatingErrors((error) => {
      if (kindOf(error) !== "rate_limited") throw error;
      throw new ConnectorError("transient", "the helpdesk did not answer");
    }),
  },
  {
    flaw: "a server error taken for refused credentials",
    caughtBy: serverError,
    spec: treatingErrors((error) => {
      if (!isServerError(error)) throw error;
      throw new ConnectorError("auth", "the helpdesk does not let us in");
    }),
  },
  {
    flaw: "a time-out that looks like an empty page",
    caughtBy: silent,
    spec: treatingErrors((error) => {
      if (!isTimeOut(error)) throw error;
    }),
  },
  {
    flaw: "an answer that broke off taken for an empty page",
    caughtBy: cut,
    spec: treatingErrors((error) => {
      if (!isBrokenOff(error)) throw error;
    }),
  },
  {
    flaw: "a start at the end after each error",
    caughtBy: "pull: what came while reading failed arrives once reading works again",
    spec: forgettingAfterErrors(),
  },
  {
    flaw: "reads that do not heed their signal",
    caughtBy: "pull: an abort in the middle of a read ends it at once",
    spec: withPages((client, from) => goodPages(client, from, new AbortController().signal)),
  },
];
