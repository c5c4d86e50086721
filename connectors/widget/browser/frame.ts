/** The chat window inside its frame: ties the conversation, the field, the hub and the page around it together. */
import type { FrameSettings } from "../assets.ts";
import { composer } from "./composer.ts";
import type { PendingView } from "./conversation-view.ts";
import { conversationView } from "./conversation-view.ts";
import type { Entry, Post } from "./hub-client.ts";
import { HubError, hubClient } from "./hub-client.ts";
import { keptUnder } from "./kept.ts";
import { messagesIn } from "./messages.ts";

/** Milliseconds between looks for replies. */
const pace = { active: 2_000, slowest: 30_000, closed: 60_000 };
/** Milliseconds after the last sign of life during which the pace stays active. */
const activeFor = 60_000;

function byId<Type extends HTMLElement>(id: string): Type {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`frame.html lacks #${id}`);
  return found as Type;
}

const settings: FrameSettings = JSON.parse(document.body.dataset.settings ?? "{}");
const language = document.documentElement.lang;
const texts = messagesIn(language);
const base = new URL(".", location.href);
const kept = keptUnder(`deskwire:${base.pathname}:`);
const page = decodeURIComponent(location.hash.slice(1));
const log = byId("log");

const view = conversationView({
  log,
  texts,
  language,
  company: settings.company,
  greeting: settings.greeting ?? texts.greeting,
  loadFile: (id) => hub.file(id),
});
let last: string | null = null;
let unread = 0;
let opened = false;
let activeAt = Date.now();
let delay = pace.active;
let failing = false;
let timer: ReturnType<typeof setTimeout> | undefined;
let looking: Promise<void> | null = null;

function startAnew(keepUnsent: boolean): void {
  last = null;
  setUnread(0);
  view.clear(keepUnsent);
}

const hub = hubClient(base, kept, {
  onOtherThread: () => startAnew(true),
  onSignOut: () => startAnew(false),
});

/** To the page around, and to no other: the browser drops it where the frame stands in another origin. */
function tell(message: Record<string, unknown>): void {
  if (page !== location.origin && !settings.origins.includes(page)) return;
  parent.postMessage({ deskwire: 1, ...message }, page);
}

function setUnread(count: number): void {
  if (count === unread) return;
  unread = count;
  tell({ type: "unread", count });
}

function took(entries: Entry[]): void {
  const first = last === null;
  const newest = entries.at(-1);
  if (newest === undefined) return;
  last = newest.id;
  // A screen reader should hear what is new, not the whole history at opening.
  log.setAttribute("aria-live", first ? "off" : "polite");
  view.add(entries);
  if (first) view.scrollToEnd();
  if (opened && !document.hidden) kept.set("seen", newest.id);
  else {
    const seen = entries.findIndex(({ id }) => id === kept.get("seen"));
    const fresh = entries.slice(seen + 1).filter(({ from }) => from === "agent").length;
    setUnread(first ? fresh : unread + fresh);
  }
  activeAt = Date.now();
}

function problem(error: unknown): string {
  if (!(error instanceof HubError)) return texts.refused;
  if (error.status === 0 || error.status >= 500) return texts.offline;
  if (error.status === 401) return texts.signIn;
  if (error.status === 429) return texts.slowDown;
  if (error.status === 413) return texts.tooLargeTogether;
  return error.message || texts.refused;
}

function notice(text: string): void {
  const line = byId("notice");
  if (line.textContent !== text) line.textContent = text;
  line.hidden = text === "";
}

async function readNow(): Promise<void> {
  try {
    took(await hub.read(last));
    failing = false;
    notice("");
    log.setAttribute("aria-live", "polite");
  } catch (error) {
    if (opened) notice(problem(error));
    failing = true;
  }
}

function look(): Promise<void> {
  looking ??= readNow().finally(() => {
    looking = null;
  });
  return looking;
}

/** One timer: soon while the visitor is here, seldom while the window is closed or the tab is hidden. */
function plan(): void {
  clearTimeout(timer);
  const lively = !failing && Date.now() - activeAt < activeFor;
  delay = lively ? pace.active : Math.min(delay * 1.5, pace.slowest);
  const wait = !opened ? pace.closed : document.hidden ? pace.slowest : delay;
  timer = setTimeout(() => {
    if (opened || hub.hasSession()) void look().then(plan);
    else plan();
  }, wait);
}

function now(): void {
  activeAt = Date.now();
  delay = pace.active;
  void look().then(plan);
}

async function deliver(post: Post, shown: PendingView): Promise<void> {
  shown.state("sending");
  try {
    const id = await hub.send(post);
    shown.state("sent");
    if (id !== null) shown.known(id);
    now();
  } catch (error) {
    const away = error instanceof HubError && (error.status === 0 || error.status >= 500);
    shown.state("failed", away ? texts.noAnswer : problem(error));
  }
}

function send(post: Post): void {
  const shown = view.pending(post, () => void deliver(post, shown));
  void deliver(post, shown);
}

const field = composer({
  form: byId<HTMLFormElement>("composer"),
  texts,
  language,
  maxFiles: settings.maxFiles,
  maxFileBytes: settings.maxFileBytes,
  kept,
  onSend: send,
  onTyping: () => {
    activeAt = Date.now();
  },
});

function setOpened(next: boolean): void {
  opened = next;
  if (!opened) {
    plan();
    return;
  }
  kept.set("seen", last);
  setUnread(0);
  field.focus();
  view.scrollToEnd();
  now();
}

function heard(message: object): void {
  if (!("type" in message)) return;
  const identity = "identity" in message && typeof message.identity === "string" ? message.identity : "";
  if (message.type === "hello") {
    hub.identify(identity);
    if ("open" in message && message.open === true) setOpened(true);
    else if (hub.hasSession()) void look().then(plan);
  } else if (message.type === "identity") {
    hub.identify(identity);
    if (opened || hub.hasSession()) now();
  } else if (message.type === "opened" || message.type === "closed") setOpened(message.type === "opened");
}

function label(): void {
  byId("title").textContent = settings.title;
  byId("close").setAttribute("aria-label", texts.close);
  log.setAttribute("aria-label", texts.log);
  log.tabIndex = 0; // It scrolls, so the keyboard must reach it.
  byId("field-label").textContent = texts.field;
  const area = byId<HTMLTextAreaElement>("field");
  area.placeholder = texts.placeholder;
  area.maxLength = settings.maxText;
  byId("hint").textContent = texts.hint;
  byId("attach").setAttribute("aria-label", texts.attach);
  byId("attach").title = texts.attach;
  byId("send").setAttribute("aria-label", texts.send);
  // Set through the CSSOM, which the page's policy allows; a style attribute would need an exception.
  document.documentElement.style.setProperty("--accent", settings.color);
  document.documentElement.style.setProperty("--ink", settings.ink);
}

label();
addEventListener("message", (event: MessageEvent) => {
  if (event.source !== parent || event.origin !== page) return;
  if (page !== location.origin && !settings.origins.includes(page)) return;
  const message: unknown = event.data;
  if (typeof message === "object" && message !== null && "deskwire" in message) heard(message);
});
byId("close").addEventListener("click", () => tell({ type: "close" }));
addEventListener("keydown", (event) => {
  if (event.key === "Escape") tell({ type: "close" });
});
document.addEventListener("visibilitychange", () => {
  if (document.hidden || !opened) {
    plan();
    return;
  }
  kept.set("seen", last);
  setUnread(0);
  now();
});
tell({ type: "ready" });
