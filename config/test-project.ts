/** For tests: a project in a temporary folder, with real files and two small connectors. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { onTestFinished } from "vitest";
import { z } from "zod";
import { type AnyConnector, defineConnector } from "../plugins/contract/connector.ts";
import { secret } from "../plugins/contract/secret.ts";
import { createPluginLoader } from "../plugins/load.ts";
import { type LoadOptions, loadConfig } from "./load.ts";
import { ConfigError, formatMistake } from "./mistakes.ts";
import type { LoadedConfig } from "./types.ts";

function connector(name: string, config: z.ZodType): AnyConnector {
  return defineConnector({
    name,
    core: "^1",
    config,
    limits: { requests: 10, perMs: 1_000, concurrency: 2 },
    open: async () => ({}),
    check: async () => ({ ok: true }),
    close: async () => undefined,
    deliver: { as: "draft", put: async () => ({ externalId: "1", created: true }) },
  });
}

const origin = z.string().refine((value) => /^https?:\/\/[^/]+$/.test(value), {
  error: "expected an origin such as https://shop.example",
});

const builtIn = {
  chat: connector("chat", z.strictObject({ origins: z.array(origin).min(1), sessionKey: secret(16) })),
  mail: connector(
    "mail",
    z.strictObject({
      host: z.string().default("mail.example"),
      port: z.int().default(993),
      tls: z.boolean().default(true),
      password: secret().optional(),
    }),
  ),
};

/** Writes `files` (by path under the project) and gives ways to load them. Removed when the test is over. */
export async function makeProject(files: Record<string, string | Uint8Array>) {
  const dir = await mkdtemp(join(tmpdir(), "deskwire-config-"));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  const write = async (path: string, content: string | Uint8Array) => {
    await mkdir(dirname(join(dir, path)), { recursive: true });
    await writeFile(join(dir, path), content);
  };
  for (const [path, content] of Object.entries(files)) await write(path, content);
  const { load: loadPlugin } = createPluginLoader({ builtIn, root: dir });
  const load = (options: Partial<LoadOptions> = {}): Promise<LoadedConfig> =>
    loadConfig({ dir, env: {}, loadPlugin, createSecrets: true, isRoot: false, ...options });
  /** The mistakes as lines; fails where there are none. */
  const mistakes = async (options: Partial<LoadOptions> = {}): Promise<string[]> => {
    try {
      await load(options);
    } catch (error) {
      if (error instanceof ConfigError) return error.mistakes.map(formatMistake);
      throw error;
    }
    throw new Error("the configuration was accepted");
  };
  return { dir, write, load, mistakes, remove: (path: string) => rm(join(dir, path), { recursive: true }) };
}
