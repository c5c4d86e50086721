/** The launcher on the company's page: a button, and the frame that it opens. The hub puts `settings` before this code. */
declare const settings: { color: string; ink: string; company: string };

interface DeskwireApi {
  open(): void;
  close(): void;
  /** Tells who the visitor is: a JWT signed by the site's server. An empty string signs out. */
  identify(jwt: string): void;
  /** Called with the number of replies that the visitor has not seen. */
  onUnread?: (count: number) => void;
}

declare global {
  interface Window {
    Deskwire?: DeskwireApi;
  }
}

const texts = {
  en: {
    open: `Chat with ${settings.company}`,
    close: "Close the chat",
    unread: (count: number) => `${count} new`,
  },
  ru: {
    open: `Чат: ${settings.company}`,
    close: "Закрыть чат",
    unread: (count: number) => `новых: ${count}`,
  },
};

const styles = `
:host { all: initial; }
* { box-sizing: border-box; }
button {
  position: fixed; inset-block-end: var(--deskwire-inset-bottom, 20px); inset-inline-end: var(--deskwire-inset-end, 20px); z-index: 2147483000;
  inline-size: 60px; block-size: 60px; padding: 0; border: 1px solid rgb(255 255 255 / 0.35); border-radius: 50%;
  display: grid; place-items: center; cursor: pointer;
  background: ${settings.color}; color: ${settings.ink};
  box-shadow: 0 1px 2px rgb(0 0 0 / 0.25), 0 8px 24px rgb(0 0 0 / 0.22);
  transition: transform 0.16s ease;
}
button:hover { transform: translateY(-2px); }
button:focus-visible { outline: 3px solid #fff; box-shadow: 0 0 0 6px #1a5fd0; }
svg { inline-size: 28px; block-size: 28px; fill: none; stroke: currentColor; stroke-width: 1.9; stroke-linecap: round; stroke-linejoin: round; }
button .shut, button[aria-expanded="true"] .talk { display: none; }
button[aria-expanded="true"] .shut { display: block; }
.badge {
  position: absolute; inset-block-start: -4px; inset-inline-end: -4px; min-inline-size: 24px; block-size: 24px; padding: 0 6px;
  border-radius: 12px; border: 2px solid #fff; background: #b3261e; color: #fff;
  font: 600 13px/20px system-ui, sans-serif; text-align: center;
}
.badge[hidden] { display: none; }
.panel {
  position: fixed; inset-block-end: calc(var(--deskwire-inset-bottom, 20px) + 72px); inset-inline-end: var(--deskwire-inset-end, 20px); z-index: 2147483001;
  inline-size: min(392px, calc(100vw - 40px)); block-size: min(640px, calc(100vh - 116px)); border: 0; border-radius: 16px;
  background: #fff; box-shadow: 0 2px 6px rgb(0 0 0 / 0.16), 0 18px 48px rgb(0 0 0 / 0.28);
}
.panel[hidden] { display: none; }
@media (prefers-color-scheme: dark) { .panel { background: #16191d; } }
@media (max-width: 520px), (max-height: 480px) {
  .panel { inset: 0; inline-size: 100%; block-size: 100%; block-size: 100dvh; border-radius: 0; }
  button[aria-expanded="true"] { display: none; }
}
@media (prefers-reduced-motion: reduce) { button { transition: none; } }
@media print { button, .panel { display: none; } }
`;

function icon(name: string, path: string): SVGSVGElement {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("class", name);
  const line = document.createElementNS(space, "path");
  line.setAttribute("d", path);
  svg.append(line);
  return svg;
}

/** Built with the CSSOM and element by element, so that a strict policy of the page does not stand in the way. */
function build(language: "en" | "ru") {
  const host = document.createElement("div");
  const root = host.attachShadow({ mode: "open" });
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(styles);
  root.adoptedStyleSheets = [sheet];
  const button = document.createElement("button");
  button.type = "button";
  button.setAttribute("aria-expanded", "false");
  const badge = document.createElement("span");
  badge.className = "badge";
  badge.hidden = true;
  button.append(
    icon("talk", "M4 5.5h16v11H10.5L6 20.5v-4H4z M8 9.5h8 M8 12.8h5"),
    icon("shut", "M6 9.5l6 6 6-6"),
    badge,
  );
  root.append(button);
  document.body.append(host);
  const label = (open: boolean, unread: number) => {
    const said = texts[language];
    const text = open ? said.close : said.open;
    button.setAttribute("aria-label", unread > 0 && !open ? `${text} (${said.unread(unread)})` : text);
    badge.hidden = open || unread === 0;
    badge.textContent = unread > 99 ? "99+" : String(unread);
  };
  label(false, 0);
  return { root, button, label };
}

function start(script: HTMLScriptElement): DeskwireApi {
  const base = new URL(".", script.src);
  const wanted = script.dataset.lang || document.documentElement.lang || navigator.language;
  const language = wanted.toLowerCase().startsWith("ru") ? "ru" : "en";
  const { root, button, label } = build(language);
  let frame: HTMLIFrameElement | undefined;
  let ready = false;
  let open = false;
  let unread = 0;
  let identity = script.dataset.identity ?? "";

  const tell = (message: Record<string, unknown>) => {
    if (ready) frame?.contentWindow?.postMessage({ deskwire: 1, ...message }, base.origin);
  };
  const load = () => {
    if (frame !== undefined) return frame;
    frame = document.createElement("iframe");
    frame.className = "panel";
    frame.title = texts[language].open;
    frame.hidden = true;
    frame.src = new URL(`frame.html?lang=${language}#${encodeURIComponent(location.origin)}`, base).href;
    root.append(frame);
    return frame;
  };
  const show = (next: boolean) => {
    if (next === open) return;
    open = next;
    const panel = load();
    panel.hidden = !open;
    button.setAttribute("aria-expanded", String(open));
    label(open, unread);
    tell({ type: open ? "opened" : "closed" });
    if (open) panel.focus();
    else button.focus();
  };
  const api: DeskwireApi = {
    open: () => show(true),
    close: () => show(false),
    identify: (jwt) => {
      identity = jwt;
      tell({ type: "identity", identity });
    },
  };

  addEventListener("message", (event: MessageEvent) => {
    // Both must match: the hub's origin alone could be any other page of the hub, the window alone any page in it.
    if (event.origin !== base.origin || frame === undefined || event.source !== frame.contentWindow) return;
    const message: unknown = event.data;
    if (typeof message !== "object" || message === null || !("deskwire" in message) || !("type" in message))
      return;
    if (message.type === "ready") {
      ready = true;
      tell({ type: "hello", identity, open });
    } else if (message.type === "close") show(false);
    else if (message.type === "unread" && "count" in message && typeof message.count === "number") {
      unread = message.count;
      label(open, unread);
      api.onUnread?.(unread);
    }
  });
  button.addEventListener("click", () => show(!open));
  root.addEventListener("keydown", (event) => {
    if ((event as KeyboardEvent).key === "Escape") show(false);
  });
  // Loaded ahead when the page has nothing else to do: it opens at once, and can tell of replies that wait.
  const idle = window.requestIdleCallback ?? ((run: () => void) => setTimeout(run, 1_500));
  idle(() => load(), { timeout: 4_000 });
  return api;
}

const script = document.currentScript ?? document.querySelector('script[src*="/loader.js"]');
// A page may load the script twice, or a single-page application again and again.
if (script instanceof HTMLScriptElement && window.Deskwire === undefined) {
  const run = () => {
    window.Deskwire ??= start(script);
  };
  if (document.body === null) addEventListener("DOMContentLoaded", run, { once: true });
  else run();
}
