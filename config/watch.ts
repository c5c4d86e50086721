/** Takes up changed company files while the hub runs, and refuses broken ones. */
import { setTimeout as sleep } from "node:timers/promises";
import { signatureOf } from "./files.ts";
import { ConfigError, inOrder } from "./mistakes.ts";
import type { Company, LoadedConfig, Mistake } from "./types.ts";

export interface WatchOptions {
  /** Loads everything anew. It should name the `stateDir` in force: a change of that one needs a restart. */
  readonly load: () => Promise<LoadedConfig>;
  /** What is in force. */
  readonly current: LoadedConfig;
  /** Milliseconds between looks (default 1,000). */
  readonly intervalMs?: number;
  /** A company was added or changed, or removed (null). One whose file is broken stays as it was. */
  readonly onChange: (companyId: string, company: Company | null) => void | Promise<void>;
  /** The mistakes for which something was refused; once for the same mistakes. */
  readonly onRefused: (error: ConfigError) => void;
  /** The hub's own settings differ from those it started with; once for each change. */
  readonly onRestartNeeded?: () => void;
  /** Something unforeseen, thrown by `load` or `onChange`. The watch goes on. */
  readonly onError: (error: unknown) => void;
  readonly signal: AbortSignal;
}

interface Found {
  readonly companies: ReadonlyMap<string, Company>;
  readonly broken: ReadonlySet<string>;
  readonly complete: boolean;
  readonly mistakes: readonly Mistake[];
  readonly hubDigest: string | null;
  readonly watched: readonly string[];
}

/**
 * Watches until `signal` aborts; a change is in force after about one interval. Looks at what `stat` says instead of
 * asking for file events: those do not come over network file systems, nor for config maps mounted into containers.
 */
export async function watchConfig(options: WatchOptions): Promise<void> {
  const { signal, intervalMs = 1_000 } = options;
  const take = createTaker(options);
  let watched = options.current.watched;
  // Nothing seen yet, so the first look loads: it finds what changed since `current` was loaded.
  let seen: string | null = null;
  while (!signal.aborted) {
    try {
      const signature = await settledSignature(watched, seen, intervalMs, signal);
      if (signal.aborted) return;
      if (signature !== seen) {
        const found = await lookAgain(options.load);
        await take(found);
        // The signature is from before the load: a change in between is found at the next look. New places have none yet.
        seen = found.watched.join("\n") === watched.join("\n") ? signature : null;
        watched = found.watched;
      }
    } catch (error) {
      options.onError(error);
    }
    await pause(intervalMs, signal);
  }
}

/** The signature once it stands still: a file that is being written may be valid half-way, and say something else. */
async function settledSignature(
  paths: readonly string[],
  seen: string | null,
  intervalMs: number,
  signal: AbortSignal,
) {
  let signature = await signatureOf(paths);
  for (let round = 0; round < 20 && signature !== seen && !signal.aborted; round++) {
    await pause(Math.min(100, intervalMs), signal);
    const next = await signatureOf(paths);
    if (next === signature) break;
    signature = next;
  }
  return signature;
}

async function lookAgain(load: WatchOptions["load"]): Promise<Found> {
  try {
    return { ...(await load()), broken: new Set(), complete: true, mistakes: [] };
  } catch (error) {
    if (error instanceof ConfigError && error.salvage) return { ...error.salvage, mistakes: error.mistakes };
    throw error;
  }
}

/** Puts what was found in force, company by company, and tells what could not be. */
function createTaker({ current, onChange, onRefused, onRestartNeeded, onError }: WatchOptions) {
  const inForce = new Map(current.companies);
  let toldMistakes = "";
  let toldHub = current.hubDigest;

  const swap = async (id: string, company: Company | null) => {
    if (company) inForce.set(id, company);
    else inForce.delete(id);
    try {
      await onChange(id, company);
    } catch (error) {
      onError(error);
    }
  };

  return async (found: Found) => {
    // Removals first: a renamed company takes its API key along.
    for (const id of [...inForce.keys()]) {
      if (found.complete && !found.companies.has(id) && !found.broken.has(id)) await swap(id, null);
    }
    const changed = [...found.companies].filter(
      ([id, company]) => inForce.get(id)?.digest !== company.digest,
    );
    const kept = [...inForce.values()].filter(({ id }) => found.broken.has(id));
    const clashes: Mistake[] = [];
    for (const [id, company] of changed) {
      const clash = clashWith(company, kept);
      if (clash) clashes.push(clash);
      else await swap(id, company);
    }
    const error = new ConfigError(inOrder([...found.mistakes, ...clashes]));
    if (error.message !== "" && error.message !== toldMistakes) onRefused(error);
    toldMistakes = error.message;
    if (found.hubDigest === null || found.hubDigest === toldHub) return;
    toldHub = found.hubDigest;
    if (toldHub !== current.hubDigest) onRestartNeeded?.();
  };
}

/** A key or the demo page that moved here from a company whose own file is broken, and which therefore still has it. */
function clashWith(company: Company, kept: readonly Company[]): Mistake | null {
  for (const other of kept) {
    const at = { file: company.file, line: 0 };
    const secrets = new Set(other.keys.map(({ secret }) => secret.reveal()));
    const key = company.keys.find(({ secret }) => secrets.has(secret.reveal()));
    if (key)
      return {
        ...at,
        field: `keys.${key.name}`,
        message: `${other.id} has this key until its file is put right`,
      };
    if (company.demo && other.demo)
      return { ...at, field: "demo", message: `${other.id} has it until its file is put right` };
  }
  return null;
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(ms, undefined, { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
