/** The demo page: loads the widget into the shop, and follows the hub's work on the newest ticket. */
import { byId, element, part } from "./demo-dom.ts";
import type { Ticket, TicketRow } from "./demo-hub.ts";
import { createHub, HubError } from "./demo-hub.ts";
import type { Language } from "./demo-texts.ts";
import { labelIn, textsIn } from "./demo-texts.ts";
import { inWork, newestOf, ticketView } from "./demo-ticket.ts";

/** Milliseconds between looks: while the newest message is in work, and otherwise. */
const pace = { inWork: 250, waiting: 300 };

function languageOf(): Language {
  const wanted = new URLSearchParams(location.search).get("lang") ?? navigator.language;
  return wanted.toLowerCase().startsWith("ru") ? "ru" : "en";
}

const language = languageOf();
const texts = textsIn(language);

function keyFromAddress(): string {
  const given = new URLSearchParams(location.hash.slice(1)).get("key");
  if (given === null) return sessionStorage.getItem("deskwire:key") ?? "";
  sessionStorage.setItem("deskwire:key", given);
  // The key should not stay in the address bar, nor in a screenshot of it.
  history.replaceState(null, "", location.pathname + location.search);
  return given;
}

let key = keyFromAddress();
let chosen: string | null = null;
let ticket: Ticket | null = null;
let timer: ReturnType<typeof setTimeout> | undefined;

const hub = createHub(() => key);
const showTicket = ticketView({
  language,
  texts,
  onApprove: async (reply) => {
    if (ticket === null) return;
    await hub.reply(ticket.id, { ...reply, agent: { name: texts.agent } });
    soon(0);
  },
});

interface Shown {
  rows: TicketRow[];
  current: string | null;
}

const showRows = part(byId("tickets"), ({ rows, current }: Shown) => {
  if (rows.length === 0) return [element("li", "quiet", texts.noTickets)];
  return rows.map((row) => {
    const labels = row.labels === null ? [] : [row.labels.type, row.labels.priority, row.labels.department];
    const preview = element("span", "preview", row.subject ?? row.preview ?? texts.noText);
    preview.dir = "auto";
    const stage = row.stage === null ? [] : [element("span", `stage ${row.stage}`, texts[row.stage])];
    const chips = labels.map((label) => element("span", "chip", labelIn(language, label)));
    const button = element("button", "row", preview, element("span", "chips", ...stage, ...chips));
    button.type = "button";
    button.dataset.id = row.id;
    if (row.id === current) button.setAttribute("aria-current", "true");
    button.addEventListener("click", () => {
      // Choosing the newest one means following the newest again.
      chosen = row.id === rows[0]?.id ? null : row.id;
      soon(0);
    });
    return element("li", "", button);
  });
});

function renderRows(shown: Shown): void {
  const focused =
    document.activeElement instanceof HTMLElement ? document.activeElement.dataset.id : undefined;
  if (!showRows(shown) || focused === undefined) return;
  byId("tickets")
    .querySelector<HTMLElement>(`[data-id="${CSS.escape(focused)}"]`)
    ?.focus();
}

function ask(fault: string): void {
  byId("key-form").hidden = false;
  byId("hub-content").hidden = true;
  byId("key-fault").textContent = fault;
}

function notice(text: string): void {
  const line = byId("hub-notice");
  if (line.textContent !== text) line.textContent = text;
}

async function look(): Promise<void> {
  const rows = await hub.tickets();
  if (chosen !== null && !rows.some(({ id }) => id === chosen)) chosen = null;
  const current = chosen ?? rows[0]?.id ?? null;
  ticket = current === null ? null : await hub.ticket(current);
  byId("key-form").hidden = true;
  byId("hub-content").hidden = false;
  byId("ticket").hidden = ticket === null;
  notice("");
  renderRows({ rows, current });
  if (ticket !== null) showTicket(ticket);
}

function soon(wait: number): void {
  clearTimeout(timer);
  timer = setTimeout(run, wait);
}

let running = false;

async function run(): Promise<void> {
  if (running || document.hidden) return;
  if (key === "") {
    ask("");
    return;
  }
  running = true;
  try {
    await look();
    soon(ticket !== null && inWork(newestOf(ticket)) ? pace.inWork : pace.waiting);
  } catch (error) {
    if (error instanceof HubError && error.status === 401) {
      key = "";
      sessionStorage.removeItem("deskwire:key");
      ask(texts.keyWrong);
      return;
    }
    notice(error instanceof HubError && error.status > 0 ? error.message : texts.offline);
    soon(pace.waiting * 2);
  } finally {
    running = false;
  }
}

function label(): void {
  document.documentElement.lang = language;
  document.title = `${texts.pageTitle} · ${document.body.dataset.company}`;
  for (const place of document.querySelectorAll<HTMLElement>("[data-text]")) {
    const text = texts[place.dataset.text as keyof typeof texts];
    if (typeof text === "string") place.textContent = text;
  }
  for (const link of document.querySelectorAll<HTMLElement>("[data-language]")) {
    if (link.dataset.language === language) link.setAttribute("aria-current", "true");
  }
}

function loadWidget(): void {
  const script = document.createElement("script");
  script.async = true;
  script.src = document.body.dataset.loader ?? "";
  script.dataset.lang = language;
  document.body.append(script);
}

label();
byId("shop").tabIndex = 0; // It scrolls by itself, so the keyboard must reach it.
loadWidget();
byId<HTMLFormElement>("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  key = byId<HTMLInputElement>("key").value.trim();
  sessionStorage.setItem("deskwire:key", key);
  soon(0);
});
document.addEventListener("visibilitychange", () => soon(0));
addEventListener("hashchange", () => {
  key = keyFromAddress();
  soon(0);
});
soon(0);
