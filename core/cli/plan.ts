/** deskwire plan: what a connector would bring in and what the hub would make of it, before it is enabled. Writes nothing. */

import { createCompanyDirectory } from "../../config/directory.ts";
import type { Company, ConnectorInstance, LoadedConfig } from "../../config/types.ts";
import { labels } from "../../ml-service/labels.ts";
import { ConnectorError, kindOf } from "../../plugins/contract/errors.ts";
import { withConnector } from "../hosting/open-alone.ts";
import { type Reading, readSource } from "../hosting/plan.ts";
import {
  aMonth,
  draftFor,
  type LabelledMessage,
  labelMessages,
  monthlyUse,
  type PlannedDraft,
} from "../hosting/plan-drafts.ts";
import { untilAborted } from "../lib/abort.ts";
import { createBreakers } from "../lib/breakers.ts";
import { createLog, type LogFor } from "../lib/log.ts";
import { asksLlm } from "../llm/drafter.ts";
import { openClassifier } from "../parts/classifier.ts";
import { createDrafters } from "../pipeline/drafters.ts";
import { createLabellers } from "../pipeline/labellers.ts";
import { createLlmLabels, type LlmUse, openHeads } from "../pipeline/llm-labels.ts";
import { onInterrupt } from "./interrupt.ts";
import {
  costText,
  counted,
  draftsTitle,
  draftText,
  figuresText,
  labelCostText,
  messageText,
  sharesText,
} from "./plan-report.ts";
import { projectConfig } from "./project.ts";
import { openRunningDatabase } from "./running-database.ts";
import { findTarget } from "./target.ts";

const dayMs = 86_400_000;
/** For opening the connector, in milliseconds. */
const openingMs = 30_000;
/** Milliseconds between two lines that tell how far it is. */
const tellEveryMs = 3_000;
/** Milliseconds that what a connector has left open may keep the process alive, at its end and after Ctrl-C. */
const lingerMs = { ended: 2_000, stopped: 1_000 };

export interface PlanArguments {
  /** COMPANY/CONNECTOR */
  target: string | undefined;
  /** Drafts to write, 0 to 50; 5 by default. */
  last: string | undefined;
  /** How far back to read, 1 to 365; 7 by default. */
  days: string | undefined;
  /** Shows texts whole. */
  full: boolean;
}

/** What is looked at. */
interface Planned {
  config: LoadedConfig;
  company: Company;
  connector: ConnectorInstance;
  days: number;
  logFor: LogFor;
  signal: AbortSignal;
}

const say = (text: string) => void process.stdout.write(`${text}\n`);

function wholeNumber(option: string, text: string | undefined, usual: number, min: number, max: number) {
  if (text === undefined) return usual;
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  throw new ConnectorError("config", `${option} ${text}: expected a whole number from ${min} to ${max}`);
}

const instead =
  "It brings messages only as they come: to see what is made of them, start a hub on a copy of this project (--project DIR) and send it some";

/** Opens the connector and reads. @returns what was read, and whether its access token was renewed */
async function read(planned: Planned): Promise<{ reading: Reading; renewed: boolean }> {
  const { config, company, connector, days, logFor, signal } = planned;
  const since = new Date(Date.now() - days * dayMs);
  const late = new AbortController();
  const tooLate = new ConnectorError("transient", `opening took longer than ${openingMs / 1_000} s`);
  const timer = setTimeout(() => late.abort(tooLate), openingMs);
  let items = 0;
  const telling = setInterval(() => process.stderr.write(`${counted(items, "item")} read …\n`), tellEveryMs);
  const onRead = (count: number) => {
    items = count;
  };
  let renewed = false;
  const onRenewal = () => {
    renewed = true;
  };
  const db = await openRunningDatabase(config, logFor("plan"));
  try {
    const parts = { db, logFor, verb: "plan", since, onRenewal };
    const opening = AbortSignal.any([signal, late.signal]);
    const reading = await withConnector(parts, company, connector, opening, async (client) => {
      clearTimeout(timer);
      const source = { company: company.id, connector: connector.instance };
      return readSource({ spec: connector.spec, client }, source, { since, onRead }, signal);
    });
    return { reading, renewed };
  } catch (error) {
    signal.throwIfAborted();
    const what = `${company.id}/${connector.instance} could not be read`;
    throw new ConnectorError(kindOf(error), what, { cause: error });
  } finally {
    clearTimeout(timer);
    clearInterval(telling);
    await db?.close();
  }
}

/** What the LLM gave for the last messages. */
interface Written {
  drafts: PlannedDraft[];
  /** For each message whose labels it was asked for, with an answer. */
  labels: LlmUse[];
}

/** Writes the drafts and prints each as it comes. After an error that all others would meet, no more are asked for. */
async function writeDrafts(planned: Planned, labelled: readonly LabelledMessage[], full: boolean) {
  const { config, company, logFor, signal } = planned;
  const directory = createCompanyDirectory(config);
  const breakers = createBreakers();
  const drafter = await createDrafters(directory, logFor("drafter"), breakers).of(company.id);
  const { of: labellerOf } = createLabellers({ directory, breakers, labels, concurrency: 1 });
  const llmLabels = createLlmLabels({ labellerOf, log: logFor("labels"), signal });
  const written: Written = { drafts: [], labels: [] };
  for (const [i, { message, labels: own }] of labelled.entries()) {
    const { subject, text } = message;
    const chosen = await llmLabels.ask({ company: company.id, subject, text }, own);
    if (chosen?.llm) written.labels.push(chosen.llm);
    const one = { message, labels: { ...own, ...chosen } };
    process.stdout.write(messageText(i + 1, one, full));
    const draft = await draftFor(drafter, company, one, signal);
    process.stdout.write(draftText(draft, full));
    written.drafts.push(draft);
    if (!("result" in draft) && (draft.kind === "auth" || draft.kind === "config")) break;
  }
  return written;
}

async function label({ company, config, signal }: Planned, messages: Reading["messages"]) {
  const classifier = await openClassifier(company, config);
  try {
    return await labelMessages(classifier.classify, company.id, messages, signal);
  } finally {
    await classifier.close();
  }
}

/** Labels, drafts and costs. @returns the exit code */
async function tellDrafts(planned: Planned, { messages, days }: Reading, last: number, full: boolean) {
  const { company } = planned;
  const { model, prices } = company.drafter;
  const wanted = messages.filter(({ skip }) => skip === null);
  const labelled = await label(planned, wanted);
  if (labelled.length > 0) say(sharesText(labelled, wanted.length));
  const online = asksLlm(company.drafter);
  const chosen = last === 0 ? [] : labelled.slice(-last);
  const isOpen = ({ message, labels }: LabelledMessage) => openHeads(labels, message).length > 0;
  const choosesLabels = online && company.classifier.llm;
  const asked = choosesLabels ? chosen.filter(isOpen).length : 0;
  say(draftsTitle(chosen.length, last, online ? { model, asked } : null));
  const { drafts, labels: uses } = await writeDrafts(planned, chosen, full);
  const written = drafts.flatMap((draft) => ("result" in draft ? [draft.result] : []));
  const monthly = aMonth(wanted.length, days);
  say(`\n${costText(online, monthlyUse(written, monthly, prices), monthly, prices)}`);
  if (choosesLabels && labelled.length > 0) {
    const requests = (monthly * labelled.filter(isOpen).length) / labelled.length;
    say(labelCostText(monthlyUse(uses, requests, prices), requests, prices));
  }
  if (written.length === chosen.length) return 0;
  process.stderr.write(`${written.length} of ${counted(chosen.length, "draft")} could be written\n`);
  return 1;
}

async function run(planned: Planned, last: number, full: boolean): Promise<number> {
  const { company, connector, days } = planned;
  const { reading, renewed } = await read(planned);
  say(figuresText(`${company.id}/${connector.instance}`, reading, days));
  const code = await tellDrafts(planned, reading, last, full);
  const but = renewed ? ", but for the access token, which had run out and was renewed for the hub too" : "";
  say(`Nothing was written: not to the source, not to a database, not to the state folder${but}.`);
  return code;
}

/**
 * Reads at most 5,000 items of the connector and prints what the hub would make of them.
 * @returns the exit code: 1 where it was stopped, or a draft could not be written
 * @throws ConfigError with all mistakes; ConnectorError where the arguments are wrong or the connector cannot be read
 */
export async function plan(project: string, options: PlanArguments): Promise<number> {
  const { target, full } = options;
  if (target === undefined) throw new ConnectorError("config", "say which: COMPANY/CONNECTOR");
  const last = wholeNumber("--last", options.last, 5, 0, 50);
  const days = wholeNumber("--days", options.days, 7, 1, 365);
  const interrupt = onInterrupt();
  const { signal } = interrupt;
  signal.addEventListener("abort", () => {
    process.stderr.write("stopped: nothing of it was kept\n");
    // What hangs in a connector's call is not waited for.
    setTimeout(() => process.exit(1), lingerMs.stopped).unref();
  });
  try {
    const [company = "", connector = ""] = target.split("/");
    const config = await untilAborted(projectConfig(project, false, { company, connector }).load(), signal);
    const logFor: LogFor = (part) => createLog(config.hub.log, part);
    const found = findTarget([...config.companies.values()], target, instead);
    return await run({ config, ...found, days, logFor, signal }, last, full);
  } catch (error) {
    if (!signal.aborted) throw error;
    return 1;
  } finally {
    interrupt.end();
    setTimeout(() => process.exit(), lingerMs.ended).unref();
  }
}
