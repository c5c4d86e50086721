/** One company's models in memory: the one in force and the one on trial, swapped as one while requests go on. */
import { hash } from "node:crypto";
import type { Manifest } from "./manifest.ts";
import type { Registry } from "./registry.ts";
import type { ModelState } from "./state.ts";

/** As the core's log, of which this knows nothing. */
export interface HostLog {
  info(message: string, fields?: Record<string, unknown>): void;
  error(message: string, fields?: Record<string, unknown>): void;
}

export interface HostedModelsOptions<T> {
  readonly registry: Pick<Registry, "state" | "read">;
  /** Makes a model of its bytes, which were checked. May throw. */
  load(bytes: Uint8Array, manifest: Manifest): T | Promise<T>;
  /** Serves companies without a model of their own, or whose model cannot be loaded: the one that comes with the code. */
  readonly fallback: T;
  /** Says why a model cannot be used for its company, such as labels that the company does not have; null where it can. */
  accept?(manifest: Manifest): string | null;
  readonly log: HostLog;
}

export interface Picked<T> {
  readonly model: T;
  /** Null: the fallback. */
  readonly version: string | null;
  readonly canary: boolean;
}

export interface HostedCompany {
  readonly company: string;
  /** What serves now, null for the fallback. */
  readonly current: string | null;
  readonly canary: { readonly version: string; readonly share: number } | null;
  /** Why what should serve does not, or null. */
  readonly error: string | null;
}

export interface HostedModels<T> {
  /** Whether it was looked at for the first time. */
  ready(): boolean;
  /** Whether it holds models of its own. */
  holdsAny(): boolean;
  pick(ticketId: string): Picked<T>;
  /** Waits for the look that is under way, or begins one. Never fails. */
  look(): Promise<void>;
  /** As `look`, but what has changed until now is sure to be seen. */
  refresh(): Promise<void>;
  /** Null while none is under way. */
  looking(): Promise<void> | null;
  status(): HostedCompany;
}

interface Loaded<T> {
  readonly version: string;
  readonly model: T;
}

/** All that a pick needs, replaced as one. */
interface Arms<T> {
  readonly current: Loaded<T> | null;
  readonly canary: (Loaded<T> & { readonly share: number }) | null;
}

/** From 0 to 1, the same for a ticket on every node. */
function placeOf(company: string, ticketId: string): number {
  return Number.parseInt(hash("sha256", `${company}/${ticketId}`).slice(0, 8), 16) / 2 ** 32;
}

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error));

/** Makes the arms that a state asks for. What cannot be loaded leaves the current one as it is, and no canary. */
async function armsFor<T>(
  { registry, load, accept }: HostedModelsOptions<T>,
  company: string,
  state: ModelState,
  old: Arms<T> | null,
): Promise<{ arms: Arms<T>; error: string | null }> {
  const problems: string[] = [];
  const loadVersion = async (version: string): Promise<Loaded<T> | null> => {
    const there = [old?.current, old?.canary].find((loaded) => loaded?.version === version);
    if (there) return { version, model: there.model };
    try {
      const { bytes, manifest } = await registry.read(company, version);
      const refusal = accept?.(manifest) ?? null;
      if (refusal === null) return { version, model: await load(bytes, manifest) };
      problems.push(`version ${version} does not fit: ${refusal}`);
    } catch (error) {
      problems.push(`version ${version} cannot be loaded: ${messageOf(error)}`);
    }
    return null;
  };
  let current = state.current === null ? null : await loadVersion(state.current);
  if (!current && state.current !== null) {
    // Somebody has gone back from it for a reason.
    const isWithdrawn = state.withdrawn.some(({ version }) => version === old?.current?.version);
    current = isWithdrawn ? null : (old?.current ?? null);
    // After a restart nothing is there yet: what was in force before is better than nothing.
    for (const version of current ? [] : state.previous) current ??= await loadVersion(version);
  }
  const tried = state.canary && (await loadVersion(state.canary.version));
  const canary = state.canary && tried ? { ...tried, share: state.canary.share } : null;
  return { arms: { current, canary }, error: problems.join("; ") || null };
}

/** Nothing is loaded before the first look. */
export function createHostedModels<T>(options: HostedModelsOptions<T>, company: string): HostedModels<T> {
  const { registry, fallback, log } = options;
  let arms: Arms<T> | null = null;
  /** Of the state that the arms were made from. */
  let tag: string | null = null;
  let error: string | null = null;
  let looking: Promise<void> | null = null;
  let again = false;

  /** One failure is told once, however often it is met. */
  const note = (problem: string | null) => {
    if (problem !== null && problem !== error)
      log.error("a company's model cannot be used", { company, reason: problem });
    error = problem;
  };

  const update = async (): Promise<void> => {
    try {
      const state = await registry.state(company);
      // After a failure it is tried anew: the file may be back.
      if (arms && state.tag === tag && error === null) return;
      const before = arms?.current?.version ?? null;
      const made = await armsFor(options, company, state, arms);
      arms = made.arms;
      tag = state.tag;
      note(made.error);
      const version = arms.current?.version ?? null;
      if (version !== before) log.info("a company's model is in force", { company, version, before });
    } catch (cause) {
      arms ??= { current: null, canary: null };
      note(`what is in force cannot be told: ${messageOf(cause)}`);
    }
  };

  const look = (): Promise<void> => {
    looking ??= (async () => {
      do {
        again = false;
        await update();
      } while (again);
      looking = null;
    })();
    return looking;
  };

  return {
    ready: () => arms !== null,
    holdsAny: () => (arms?.current ?? arms?.canary ?? null) !== null,
    pick(ticketId) {
      const canary = arms?.canary;
      if (canary && placeOf(company, ticketId) < canary.share)
        return { model: canary.model, version: canary.version, canary: true };
      const current = arms?.current ?? { model: fallback, version: null };
      return { ...current, canary: false };
    },
    look,
    refresh() {
      again = looking !== null;
      return look();
    },
    looking: () => looking,
    status: () => ({
      company,
      current: arms?.current?.version ?? null,
      canary: arms?.canary ? { version: arms.canary.version, share: arms.canary.share } : null,
      error,
    }),
  };
}
