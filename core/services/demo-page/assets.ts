/** The demo page's files: a shop with the real widget, and beside it what the hub made of each message. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { browserCode } from "../../../plugins/contract/browser-code.ts";

export interface DemoAsset {
  contentType: string;
  body: string | Buffer;
  headers: Record<string, string>;
}

export interface DemoOptions {
  companyId: string;
  companyName: string;
  /** The widget's key under `connectors:` in the company's file. */
  widgetInstance: string;
}

/** Everything comes from the hub itself, and no script stands in the page. */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "frame-src 'self'",
  "img-src 'self' data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

const modules = ["demo", "demo-dom", "demo-hub", "demo-texts", "demo-ticket"] as const;

function read(name: string): string {
  return readFileSync(new URL(`./browser/${name}`, import.meta.url), "utf8");
}

/** Text for an HTML attribute or element. */
function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}

function asset(contentType: string, body: string, headers: Record<string, string> = {}): DemoAsset {
  const etag = `"${createHash("sha256").update(body).digest("base64url").slice(0, 22)}"`;
  return {
    contentType,
    body,
    headers: { etag, "cache-control": "no-cache", "x-content-type-options": "nosniff", ...headers },
  };
}

/** The files by path: "/", "/demo.css", and "/demo.js" with the modules that it imports, "/demo-….js". */
export function demoAssets(options: DemoOptions): Map<string, DemoAsset> {
  const { companyId, companyName, widgetInstance } = options;
  const values: Record<string, string> = {
    company: companyName,
    loader: `/connect/${encodeURIComponent(companyId)}/${encodeURIComponent(widgetInstance)}/loader.js`,
  };
  const page = read("demo.html").replace(/\{\{(\w+)\}\}/g, (_, name: string) =>
    escapeHtml(values[name] ?? ""),
  );
  const scripts = modules.map((name): [string, DemoAsset] => [
    `/${name}.js`,
    asset("text/javascript; charset=utf-8", browserCode(new URL(`./browser/${name}.ts`, import.meta.url))),
  ]);
  return new Map<string, DemoAsset>([
    [
      "/",
      asset("text/html; charset=utf-8", page, {
        "content-security-policy": policy,
        "referrer-policy": "no-referrer",
      }),
    ],
    ["/demo.css", asset("text/css; charset=utf-8", read("demo.css"))],
    ...scripts,
  ]);
}
