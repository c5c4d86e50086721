/** The conversation on the screen. Everything said is set as text, never as HTML. */
import type { Entry, Post } from "./hub-client.ts";
import type { Messages } from "./messages.ts";
import { sizeIn } from "./messages.ts";

export type SendState = "sending" | "sent" | "failed";

export interface ConversationView {
  /** @param keepUnsent leaves what the hub does not have yet */
  clear(keepUnsent: boolean): void;
  /** Adds entries that are not there yet; own ones that were shown at sending are recognised. */
  add(entries: Entry[]): void;
  /** Shows a message before the hub has it. */
  pending(post: Post, retry: () => void): PendingView;
  scrollToEnd(): void;
}

export interface PendingView {
  state(next: SendState, reason?: string): void;
  /** The hub's id, so that the message is not shown again when it is read. */
  known(id: string): void;
}

export interface ViewOptions {
  log: HTMLElement;
  texts: Messages;
  language: string;
  company: string;
  greeting: string;
  loadFile(id: string): Promise<Blob>;
}

/** Types that are shown as pictures; all others are only offered for download. */
const shownTypes = new Set(["image/png", "image/jpeg", "image/gif", "image/webp"]);

export function element<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  className: string,
  ...children: (Node | string)[]
): HTMLElementTagNameMap[Name] {
  const made = document.createElement(name);
  if (className !== "") made.className = className;
  made.append(...children);
  return made;
}

/** Text with its http and https addresses as links. */
export function linked(text: string): (Node | string)[] {
  const parts: (Node | string)[] = [];
  let end = 0;
  for (const match of text.matchAll(/https?:\/\/[^\s<>"'`]+/gi)) {
    // A full stop or a closing bracket after an address belongs to the sentence.
    const address = match[0].replace(/[.,;:!?)\]}»”]+$/u, "");
    if (!URL.canParse(address) || !/^https?:$/.test(new URL(address).protocol)) continue;
    const link = element("a", "", address);
    link.href = address;
    link.target = "_blank";
    link.rel = "noopener noreferrer nofollow";
    parts.push(text.slice(end, match.index), link);
    end = match.index + address.length;
  }
  parts.push(text.slice(end));
  return parts;
}

function timeIn(language: string, at: Date): HTMLTimeElement {
  const today = at.toDateString() === new Date().toDateString();
  const day: Intl.DateTimeFormatOptions = today ? {} : { day: "numeric", month: "short" };
  const said = new Intl.DateTimeFormat(language, { hour: "numeric", minute: "2-digit", ...day }).format(at);
  const time = element("time", "", said);
  time.dateTime = at.toISOString();
  return time;
}

interface File {
  id: string | null;
  name: string;
  mediaType: string;
  bytes: number;
}

function fileView(options: ViewOptions, file: File): HTMLElement {
  const { id, name, mediaType, bytes } = file;
  const size = sizeIn(options.texts, options.language, bytes);
  if (id === null) return element("span", "file", element("bdi", "", name), element("small", "", size));
  const button = element("button", "file", element("bdi", "", name), element("small", "", size));
  button.type = "button";
  const load = () => options.loadFile(id).then((blob) => URL.createObjectURL(blob));
  const failed = () => {
    button.title = options.texts.fileGone;
    button.classList.add("gone");
  };
  button.addEventListener("click", () => {
    load().then((url) => {
      const link = element("a", "");
      link.href = url;
      link.download = name;
      link.click();
      setTimeout(() => URL.revokeObjectURL(url), 60_000);
    }, failed);
  });
  if (shownTypes.has(mediaType)) {
    load().then((url) => {
      const picture = element("img", "");
      picture.alt = name;
      picture.src = url;
      button.prepend(picture);
    }, failed);
  }
  return button;
}

interface Bubble {
  from: "requester" | "agent";
  author: string;
  text: string;
  at: Date;
  files: File[];
}

function bubble(options: ViewOptions, said: Bubble): { root: HTMLElement; meta: HTMLElement } {
  const text = element("p", "text", ...linked(said.text));
  text.dir = "auto";
  const meta = element("p", "meta", timeIn(options.language, said.at));
  const author = element("p", said.from === "agent" ? "author" : "unseen", said.author);
  const files = element("div", "files", ...said.files.map((file) => fileView(options, file)));
  const root = element("div", `entry ${said.from}`, author, element("div", "bubble", text), files, meta);
  return { root, meta };
}

export function conversationView(options: ViewOptions): ConversationView {
  const { log, texts, company } = options;
  const shown = new Set<string>();
  let waiting: { root: HTMLElement; text: string; claim: (id: string) => void }[] = [];
  const author = (entry: Entry) => (entry.from === "agent" ? (entry.name ?? company) : texts.you);

  const atEnd = () => log.scrollHeight - log.scrollTop - log.clientHeight < 80;
  const scrollToEnd = () => {
    log.scrollTop = log.scrollHeight;
  };
  const clear = (keepUnsent: boolean) => {
    shown.clear();
    if (!keepUnsent) waiting = [];
    const hello = element("div", "entry agent", element("p", "author", company));
    const text = element("p", "text", options.greeting);
    text.dir = "auto";
    hello.append(element("div", "bubble", text));
    log.replaceChildren(hello, ...waiting.map(({ root }) => root));
  };
  clear(false);

  return {
    clear,
    scrollToEnd,
    add: (entries) => {
      const follow = atEnd();
      for (const entry of entries) {
        if (shown.has(entry.id)) continue;
        shown.add(entry.id);
        const own = entry.from === "requester" ? waiting.find(({ text }) => text === entry.text) : undefined;
        if (own !== undefined) {
          own.claim(entry.id);
          continue;
        }
        const said = { ...entry, author: author(entry), at: new Date(entry.at), files: entry.attachments };
        log.append(bubble(options, said).root);
      }
      if (follow) scrollToEnd();
    },
    pending: (post, retry) => {
      const files = post.attachments.map(({ name, mediaType, content }) => ({
        id: null,
        name,
        mediaType,
        bytes: Math.floor(content.length * 0.75),
      }));
      // The hub stores names of files for an empty text: the same words, so that the entry is recognised.
      const text = post.text || files.map(({ name }) => `[file: ${name}]`).join("\n");
      const made = bubble(options, { from: "requester", author: texts.you, text, at: new Date(), files });
      const status = element("span", "status");
      made.meta.append(status);
      log.append(made.root);
      scrollToEnd();
      const state = (next: SendState, reason = "") => {
        made.root.classList.toggle("failed", next === "failed");
        if (next !== "failed") return status.replaceChildren(next === "sent" ? texts.sent : texts.sending);
        const again = element("button", "again", texts.retry);
        again.type = "button";
        again.addEventListener("click", retry, { once: true });
        const follow = atEnd();
        status.replaceChildren(`${texts.notSent} ${reason} `, again);
        if (follow) scrollToEnd();
      };
      const own = {
        root: made.root,
        text,
        claim: (id: string) => {
          shown.add(id);
          waiting = waiting.filter((other) => other !== own);
          state("sent");
        },
      };
      waiting.push(own);
      state("sending");
      return { state, known: (id) => own.claim(id) };
    },
  };
}
