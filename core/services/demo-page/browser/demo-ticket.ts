/** One ticket on the demo page: conversation, labels, draft with the agent's part, and the time each stage took. */
import { byId, element, part, said } from "./demo-dom.ts";
import type { Message, Ticket } from "./demo-hub.ts";
import type { Language, Texts } from "./demo-texts.ts";
import { labelIn } from "./demo-texts.ts";

export interface TicketViewOptions {
  language: Language;
  texts: Texts;
  /** Sends what the agent approved; the error of a failure is shown. */
  onApprove(reply: { text: string; draftId?: string }): Promise<void>;
}

const stages = ["received", "classified", "drafted", "delivered"] as const;

/** True while the pipeline still has something to do for it. */
export function inWork(message: Message | undefined): boolean {
  const stage = message?.progress?.stage;
  return stage === "received" || stage === "classified" || stage === "drafted";
}

/** The customer's newest message: labels, draft and timeline are about this one. */
export function newestOf(ticket: Ticket): Message | undefined {
  return ticket.messages.findLast((message) => message.from === "requester");
}

function conversation({ texts, language }: TicketViewOptions, messages: Message[]): Node[] {
  const time = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
  return messages.map((message) => {
    const who = message.author.name ?? (message.from === "agent" ? texts.agent : texts.customer);
    const at = element("time", "", time.format(new Date(message.receivedAt)));
    at.dateTime = message.receivedAt;
    const head = element("p", "who", element("b", "", who), " ", at);
    const files = message.attachments.map(({ name }) => element("li", "", name));
    const list = files.length > 0 ? [element("ul", "attached", ...files)] : [];
    return element("li", message.from, head, said(message.text), ...list);
  });
}

type Classification = NonNullable<Message["classification"]>;

function bar({ texts, language }: TicketViewOptions, name: string, found: Classification["type"]): Node[] {
  const percent = Math.round(found.confidence * 100);
  const fill = element("span", "fill");
  fill.style.setProperty("inline-size", `${percent}%`);
  const track = element("span", "track", fill);
  track.setAttribute("aria-hidden", "true");
  const label = element("b", "", labelIn(language, found.label));
  const unsure = found.abstained ? [" ", element("span", "unsure", texts.unsure)] : [];
  const others = found.alternatives.map(
    (other) => `${labelIn(language, other.label)} ${Math.round(other.confidence * 100)}%`,
  );
  const value = element(
    "dd",
    found.abstained ? "abstained" : "",
    element("span", "", label, ...unsure),
    track,
  );
  value.append(element("span", "percent", `${percent}%`));
  if (others.length > 0) value.append(element("small", "others", others.join(" · ")));
  const reasons = found.reasons ?? [];
  if (reasons.length > 0) value.append(element("small", "others", `${texts.reasons} ${reasons.join(", ")}`));
  return [element("dt", "", name), value];
}

function labels(options: TicketViewOptions, found: Classification | null): Node[] {
  const { texts } = options;
  if (found === null) return [element("p", "quiet", texts.labelsWait)];
  const list = element(
    "dl",
    "bars",
    ...bar(options, texts.type, found.type),
    ...bar(options, texts.priority, found.priority),
    ...bar(options, texts.department, found.department),
  );
  const language = found.language === null ? "" : ` · ${texts.language}: ${found.language}`;
  return [list, element("p", "quiet", `${texts.model}: ${found.model}${language}`)];
}

interface DraftPart {
  draft: Message["draft"];
  /** The reply that followed, if any. */
  reply: string | null;
  /** True where nothing more will come. */
  ended: boolean;
}

function outcome(texts: Texts, draft: NonNullable<Message["draft"]>): string | null {
  if (draft.outcome === null) return null;
  if (draft.outcome.kind === "edited") return texts.edited(draft.outcome.editDistance);
  return draft.outcome.kind === "not-used" ? texts.notUsed : texts.unchanged;
}

function sources(texts: Texts, draft: NonNullable<Message["draft"]>): Node[] {
  if (draft.sources.length === 0) return [];
  const items = draft.sources.map(({ title, path, url }) => {
    if (url === undefined || !/^https?:/.test(url))
      return element("li", "", title, " ", element("code", "", path));
    const link = element("a", "", title);
    link.href = url;
    link.target = "_blank";
    link.rel = "noopener noreferrer";
    return element("li", "", link);
  });
  return [element("h4", "", texts.sources), element("ul", "sources", ...items)];
}

function draftView({ texts, onApprove }: TicketViewOptions, { draft, reply, ended }: DraftPart): Node[] {
  if (draft === null) return [element("p", "quiet", ended ? texts.noDraft : texts.draftWait)];
  const offline = draft.writtenBy === "offline";
  const by = element(
    "p",
    offline ? "by offline" : "by",
    offline ? texts.byNobody : texts.byModel(draft.writtenBy),
  );
  // That no LLM wrote it stands above, in the page's language.
  const said = draft.notes.filter((note) => !(offline && /^No LLM wrote this draft: [^.]*\.$/.test(note)));
  const notes = said.map((note) => element("li", "", note));
  const field = element("textarea", "");
  field.id = "draft-text";
  field.value = draft.text;
  field.rows = Math.min(14, Math.max(5, draft.text.split("\n").length + Math.ceil(draft.text.length / 70)));
  field.dir = "auto";
  const label = element("label", "", texts.draftLabel);
  label.htmlFor = field.id;
  const button = element("button", "primary", texts.approve);
  button.type = "button";
  const status = element("p", "status");
  status.setAttribute("role", "status");
  const done = outcome(texts, draft);
  if (done !== null) {
    button.disabled = true;
    field.readOnly = true;
    field.value = reply ?? draft.text;
    status.textContent = `${texts.sent} ${done}`;
  }
  button.addEventListener("click", () => {
    if (field.value.trim() === "") return field.focus();
    button.disabled = true;
    status.textContent = texts.sending;
    onApprove({ text: field.value, draftId: draft.id }).then(
      () => {
        field.readOnly = true;
        status.textContent = texts.sent;
      },
      (error: unknown) => {
        button.disabled = false;
        status.textContent = texts.notSent(error instanceof Error ? error.message : String(error));
      },
    );
  });
  return [
    by,
    label,
    field,
    element("div", "actions", button, status),
    ...sources(texts, draft),
    ...(notes.length > 0 ? [element("ul", "notes", ...notes)] : []),
  ];
}

type Progress = NonNullable<Message["progress"]>;

function timeOf(progress: Progress, stage: (typeof stages)[number]): string | null {
  if (stage === "delivered") return progress.stage === "delivered" ? progress.endedAt : null;
  return progress[`${stage}At`];
}

function timeline({ texts, language }: TicketViewOptions, progress: Progress | null): Node[] {
  if (progress === null) return [];
  const number = new Intl.NumberFormat(language);
  const start = Date.parse(progress.receivedAt);
  let before = start;
  const steps = stages.map((stage) => {
    const at = timeOf(progress, stage);
    const step = element("li", at === null ? "" : "reached", element("span", "step", texts[stage]));
    if (at === null) return step;
    const took = Date.parse(at) - before;
    before = Date.parse(at);
    if (stage !== "received") step.append(element("span", "took", `+${number.format(took)} ${texts.ms}`));
    return step;
  });
  const made: Node[] = [element("ol", "steps", ...steps)];
  if (progress.endedAt !== null) {
    const all = number.format(Date.parse(progress.endedAt) - start);
    made.push(element("p", "total", element("b", "", `${all} ${texts.ms}`), ` ${texts.total}`));
  }
  const { stage, reason, error, attempts } = progress;
  if (stage === "skipped") {
    const known = reason === "answered" || reason === "superseded" ? texts[reason] : (reason ?? "");
    made.push(element("p", "fault", texts.skippedWhy(known)));
  }
  if (error !== null) made.push(element("p", "fault", texts.deadWhy(error.step, error.message)));
  if (attempts > 0) made.push(element("p", "fault", texts.attempts(attempts)));
  return made;
}

/** Shows tickets one after another in the page's own places; each part changes only when its data do. */
export function ticketView(options: TicketViewOptions): (ticket: Ticket) => void {
  const parts = {
    conversation: part(byId("conversation"), (messages: Message[]) => conversation(options, messages)),
    labels: part(byId("labels"), (found: Classification | null) => labels(options, found)),
    draft: part(byId("draft"), (data: DraftPart) => draftView(options, data)),
    timeline: part(byId("timeline"), (progress: Progress | null) => timeline(options, progress)),
  };
  return (ticket) => {
    const message = newestOf(ticket);
    parts.conversation(ticket.messages);
    parts.labels(message?.classification ?? null);
    // Delivery changes nothing that the agent sees, and must not take away what is being typed.
    const draft = message?.draft ? { ...message.draft, deliveredAt: null, externalId: null } : null;
    const answer = ticket.messages.at(-1);
    const reply = answer?.from === "agent" ? answer.text : null;
    parts.draft({ draft, reply, ended: !inWork(message) });
    parts.timeline(message?.progress ?? null);
  };
}
