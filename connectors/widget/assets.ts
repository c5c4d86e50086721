/** The files that a browser gets: built once per process from `browser/`, named by a hash of their content. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { browserCode } from "../../plugins/contract/browser-code.ts";

/** Modules of the frame; each is served under its own name. */
const modules = ["frame", "conversation-view", "composer", "hub-client", "kept", "messages"] as const;

export interface Asset {
  readonly contentType: string;
  readonly body: string;
}

export interface WidgetAssets {
  /** The loader's code; it reads `settings`, which `loaderScript` puts before it. */
  readonly loader: string;
  readonly frame: string;
  /** By file name, such as `frame.js`. */
  readonly files: ReadonlyMap<string, Asset>;
  /** Stands in the addresses of `files`, so that they may be cached for good. */
  readonly version: string;
}

export function etagOf(body: string): string {
  return `"${createHash("sha256").update(body).digest("base64url").slice(0, 22)}"`;
}

function build(): WidgetAssets {
  const at = (name: string) => new URL(`./browser/${name}`, import.meta.url);
  const script = (name: string): [string, Asset] => [
    `${name}.js`,
    { contentType: "text/javascript; charset=utf-8", body: browserCode(at(`${name}.ts`)) },
  ];
  const css = readFileSync(at("frame.css"), "utf8");
  const files = new Map<string, Asset>([
    ...modules.map(script),
    ["frame.css", { contentType: "text/css; charset=utf-8", body: css }],
  ]);
  const all = [...files.values()].map((asset) => asset.body).join("\n");
  return {
    loader: browserCode(at("loader.ts")),
    frame: readFileSync(at("frame.html"), "utf8"),
    files,
    version: createHash("sha256").update(all).digest("base64url").slice(0, 12),
  };
}

let built: WidgetAssets | undefined;

/** The same object at every call: the files do not change while the process runs. */
export function widgetAssets(): WidgetAssets {
  built ??= build();
  return built;
}

/** JSON that may stand inside a script. */
function scriptJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** The loader for one widget. It is a classic script, so it is closed in a function: a page may load it twice. */
export function loaderScript(assets: WidgetAssets, settings: unknown): string {
  return `(() => {\n"use strict";\nconst settings = ${scriptJson(settings)};\n${assets.loader}\n})();\n`;
}

/** Text for an HTML attribute or element. */
function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}

/** What the frame is told of its widget. `browser/frame.ts` reads it. */
export interface FrameSettings {
  company: string;
  title: string;
  greeting: string | null;
  color: string;
  ink: string;
  origins: string[];
  maxFileBytes: number;
  maxFiles: number;
  maxText: number;
}

/** The frame's page for one widget; its settings stand in an attribute, as its policy allows no inline script. */
export function framePage(assets: WidgetAssets, language: "en" | "ru", settings: FrameSettings): string {
  const values: Record<string, string> = {
    version: assets.version,
    title: settings.title,
    settings: JSON.stringify(settings),
  };
  const page = assets.frame.replace('<html lang="en">', `<html lang="${language}">`);
  return page.replace(/\{\{(\w+)\}\}/g, (_, name: string) => escapeHtml(values[name] ?? ""));
}
