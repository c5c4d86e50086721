/** Connectors that deliver wrongly. */
import type { Delivered, OutgoingDraft, OutgoingReply } from "../../contract/connector.ts";
import { ConnectorError, isConnectorError, kindOf } from "../../contract/errors.ts";
import {
  type Flaw,
  goodPut,
  isBrokenOff,
  isTimeOut,
  type Put,
  treatingPutErrors,
  withDeliver,
} from "./flaw.ts";
import { type Client, call, caseOf, notesOf, writeOnce } from "./reference.ts";

const putting = (put: Put) => withDeliver({ put });
const notes = (draft: OutgoingDraft) => `${caseOf(draft)}/notes`;
const bodyOf = (draft: OutgoingDraft) => ({ key: draft.idempotencyKey, text: draft.text });
const done = ({ id }: OutgoingDraft): Delivered => ({ externalId: id, created: true });

const asking = async (client: Client, draft: OutgoingDraft, signal: AbortSignal) =>
  (await call(client, caseOf(draft), { signal })) as { answered: boolean };

/** Keeps the draft under way where the next one finds it. */
function oneAtATime(): Put {
  const current = new WeakMap<Client, OutgoingDraft>();
  return async (client, draft, signal) => {
    current.set(client, draft);
    const { answered } = await asking(client, draft, signal);
    if (answered) return { skipped: "answered" };
    const newest = current.get(client) ?? draft;
    return writeOnce(client, notes(newest), bodyOf(newest), signal);
  };
}

/** The note of a case is always the newest draft, whatever an agent has made of it. */
const overwriting: Put = async (client, draft, signal) => {
  const there = (await notesOf(client, notes(draft), signal))[0];
  if (!there) return goodPut(client, draft, signal);
  await call(client, notes(draft), { method: "PUT", body: bodyOf(draft), signal });
  return { externalId: String(there.id), created: false };
};

/** Looks the draft up, and lets the request for it be repeated blindly. */
const repeating: Put = async (client, draft, signal) => {
  const { answered } = await asking(client, draft, signal);
  if (answered) return { skipped: "answered" };
  const there = (await notesOf(client, notes(draft), signal)).find(({ key }) => key === draft.idempotencyKey);
  if (there) return { externalId: String(there.id), created: false };
  const made = await call(client, notes(draft), { method: "POST", body: bodyOf(draft), signal, attempts: 3 });
  return { externalId: String((made as { id: number }).id), created: true };
};

const once = "deliver: a draft that is put again is there once, under the same id";
const lostAnswer = "deliver: a draft whose answer got lost is not written a second time";
const server = "deliver: an error of the other side's own is an error of kind transient";

export const deliverFlaws: Flaw[] = [
  {
    flaw: "only the first line of a draft",
    caughtBy: "deliver: agents find a draft with its whole text",
    spec: putting((client, draft, signal) =>
      goodPut(client, { ...draft, text: draft.text.split("\n")[0] ?? "" }, signal),
    ),
  },
  {
    flaw: "a draft that is written anew each time",
    caughtBy: once,
    also: { [lostAnswer]: "it never looks whether the draft is there" },
    spec: putting(async (client, draft, signal) => {
      const { answered } = await asking(client, draft, signal);
      if (answered) return { skipped: "answered" };
      const made = await call(client, notes(draft), { method: "POST", body: bodyOf(draft), signal });
      return { externalId: String((made as { id: number }).id), created: true };
    }),
  },
  {
    flaw: "a search for a draft that writes it",
    caughtBy:
      "deliver: what an attempt before has written is found, and where there is none nothing is written",
    spec: withDeliver({
      async find(client, draft, signal) {
        const put = await goodPut(client, draft, signal);
        return "externalId" in put ? { externalId: put.externalId } : null;
      },
    }),
  },
  {
    flaw: "drafts side by side that get mixed up",
    caughtBy: "deliver: drafts that are put at the same time all arrive, each once",
    spec: putting(oneAtATime()),
  },
  {
    flaw: "a write that is repeated blindly",
    caughtBy: lostAnswer,
    spec: putting(repeating),
  },
  {
    flaw: "an edited draft that is overwritten",
    caughtBy: "deliver: a draft that an agent has changed is never overwritten",
    spec: putting(overwriting),
  },
  {
    flaw: "no look at whether an agent has answered",
    caughtBy: "deliver: once an agent has answered, no draft is left in the way",
    spec: putting((client, draft, signal) => writeOnce(client, notes(draft), bodyOf(draft), signal)),
  },
  {
    flaw: "a reply that is sent each time it is asked for",
    caughtBy: "deliver: an approved reply reaches the customer once, with its whole text",
    spec: withDeliver({
      async send(client, reply: OutgoingReply, signal) {
        const body = { key: reply.externalId, text: reply.text };
        await call(client, `${caseOf(reply)}/replies`, { method: "POST", body, signal });
      },
    }),
  },
  {
    flaw: "a subject that goes into a header",
    caughtBy: "deliver: strange names and subjects do not break a draft",
    spec: putting(async (client, draft, signal) => {
      const headers = { "x-subject": draft.ticket.subject ?? "" };
      await call(client, caseOf(draft), { headers, signal });
      return goodPut(client, draft, signal);
    }),
  },
];

export const deliverFaultFlaws: Flaw[] = [
  {
    flaw: "refused credentials that are no reason to stop",
    caughtBy: "deliver: refused credentials are an error of kind auth",
    spec: treatingPutErrors((error) => {
      if (kindOf(error) !== "auth") throw error;
      throw new ConnectorError("permanent", "the helpdesk does not take this draft");
    }),
  },
  {
    flaw: "a request to slow down that kills the draft",
    caughtBy: "deliver: a request to slow down is an error of kind rate_limited",
    spec: treatingPutErrors((error) => {
      if (kindOf(error) !== "rate_limited") throw error;
      throw new ConnectorError("permanent", "too many drafts");
    }),
  },
  {
    flaw: "a server error taken for refused credentials",
    caughtBy: server,
    spec: treatingPutErrors((error) => {
      if (!isConnectorError(error) || (error.status ?? 0) < 500) throw error;
      throw new ConnectorError("auth", "the helpdesk does not let us in");
    }),
  },
  {
    flaw: "a server error that counts as delivered",
    caughtBy: server,
    spec: treatingPutErrors((error, draft) => {
      if (!isConnectorError(error) || (error.status ?? 0) < 500) throw error;
      return done(draft);
    }),
  },
  {
    flaw: "a time-out that kills the draft",
    caughtBy: "deliver: an answer that never comes is an error of kind transient",
    spec: treatingPutErrors((error) => {
      if (!isTimeOut(error)) throw error;
      throw new ConnectorError("permanent", "the helpdesk is too slow");
    }),
  },
  {
    flaw: "an answer that broke off taken for a delivery",
    caughtBy: "deliver: an answer that breaks off is an error of kind transient",
    spec: treatingPutErrors((error, draft) => {
      if (!isBrokenOff(error)) throw error;
      return done(draft);
    }),
  },
  {
    flaw: "a delivery that does not heed its signal",
    caughtBy: "deliver: an abort ends a delivery at once",
    spec: putting((client, draft) => goodPut(client, draft, new AbortController().signal)),
  },
];
