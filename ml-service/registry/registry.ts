/** The registry of companies' models: versions that are published once, and which of them is in force. */
import type { Manifest } from "./manifest.ts";
import type { ModelObjects } from "./model-objects.ts";
import { RegistryError } from "./registry-error.ts";
import { changeState, inUse, type ModelState, maxShare, promoted, readState, rolledBack } from "./state.ts";
import {
  type Published,
  readManifest,
  readVersion,
  removeVersion,
  unfinishedVersions,
  versionsOf,
  writeVersion,
} from "./versions.ts";

/** A version in a list. One that cannot be used here is listed with the reason. */
export type ListedVersion =
  | { readonly version: string; readonly manifest: Manifest }
  | { readonly version: string; readonly problem: string };

export interface RolledBack {
  readonly from: string;
  /** Null: the model that comes with the code. */
  readonly to: string | null;
  /** The version whose trial was ended, or null. */
  readonly endedCanary: string | null;
  /** Earlier versions that could not be used, with the reasons. */
  readonly skipped: ReadonlyArray<{ readonly version: string; readonly problem: string }>;
}

/** `again` allows a version, or the same model under another one, that was rolled back before. */
export interface Again {
  readonly again?: boolean;
}

/**
 * All companies' models, each company's apart. Every function throws a `RegistryError` (`invalid` where the company's id is none),
 * or what the store of objects throws.
 */
export interface Registry {
  /** Stores a new version, whole or not at all. It is not in force yet. @returns its id */
  publish(company: string, published: Published): Promise<string>;
  /** Newest first. */
  list(company: string): Promise<ListedVersion[]>;
  /** @throws RegistryError of kind `missing`, `damaged` (with the file's name), `too-new` */
  read(company: string, version: string): Promise<{ bytes: Uint8Array; manifest: Manifest }>;
  /** @throws RegistryError of kind `damaged` */
  state(company: string): Promise<ModelState>;
  /**
   * Puts a version in force, once it has been read as a whole; ends a canary of this very version.
   * @param options.expect what was in force when this was decided, or null: of two trainings at once the second one is refused
   * @throws RegistryError of kind `conflict`, `withdrawn`, or as `read`
   */
  promote(company: string, version: string, options: { expect: string | null } & Again): Promise<ModelState>;
  /**
   * Goes back to the version before that can be used, or to the model that comes with the code; ends a canary. What was in force
   * is remembered as withdrawn.
   * @throws RegistryError of kind `invalid` where nothing is in force, `conflict`
   */
  rollback(company: string): Promise<RolledBack>;
  /**
   * Tries a version on a share of the tickets.
   * @param share 0 to 0.5
   * @throws RegistryError of kind `invalid`, `withdrawn`, or as `read`
   */
  canary(company: string, version: string, share: number, options?: Again): Promise<ModelState>;
  endCanary(company: string): Promise<ModelState>;
  /**
   * Removes old versions, but none that is in force, tried, or could be gone back to; and what cut-off publishes have left.
   * @param keep how many of the newest are kept, 1 or more
   * @returns the versions removed
   */
  prune(company: string, keep: number): Promise<string[]>;
}

function checkUsable(
  company: string,
  state: ModelState,
  { version, sha256 }: Manifest,
  again: boolean,
): void {
  if (state.removing.includes(version))
    throw new RegistryError("missing", `version ${version} of ${company}'s model is being removed`);
  const known = state.withdrawn.some((one) => one.version === version || one.sha256 === sha256);
  if (!known || again) return;
  throw new RegistryError(
    "withdrawn",
    `version ${version} of ${company}'s model, or the same model, was rolled back before: an operator may promote it again`,
  );
}

function checkCurrent(company: string, { current }: ModelState, expect: string | null): void {
  if (current === expect) return;
  const name = (version: string | null) => version ?? "the model that comes with the code";
  throw new RegistryError(
    "conflict",
    `the models of ${company} have changed meanwhile: ${name(current)} is in force, not ${name(expect)}; look at the new one and decide again`,
  );
}

async function rollback(objects: ModelObjects, coreVersion: string, company: string): Promise<RolledBack> {
  const before = await readState(objects, company);
  const from = before.current;
  if (from === null)
    throw new RegistryError(
      "invalid",
      `${company} has no model of its own in force: nothing to go back from`,
    );
  const skipped: Array<{ version: string; problem: string }> = [];
  let to: string | null = null;
  for (const version of before.previous) {
    const found = await orProblem(readVersion(objects, company, version, coreVersion));
    if (!("problem" in found)) {
      to = version;
      break;
    }
    skipped.push({ version, problem: found.problem });
  }
  const manifest = await orProblem(readManifest(objects, company, from, coreVersion));
  const sha256 = "problem" in manifest ? null : manifest.sha256;
  let endedCanary: string | null = null;
  await changeState(objects, company, (state) => {
    checkCurrent(company, state, from);
    endedCanary = state.canary?.version ?? null;
    return rolledBack(state, { version: from, sha256 }, to);
  });
  return { from, to, endedCanary, skipped };
}

async function orProblem<T>(call: Promise<T>): Promise<T | { problem: string }> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof RegistryError) return { problem: error.message };
    throw error;
  }
}

async function prune(objects: ModelObjects, company: string, keep: number, now: Date): Promise<string[]> {
  if (!Number.isInteger(keep) || keep < 1)
    throw new RegistryError("invalid", `cannot keep ${keep} models: expected a whole number from 1 on`);
  const old = (await versionsOf(objects, company)).slice(keep);
  // Written down first, so that nobody promotes at the same moment what is about to be removed.
  const { removing } = await changeState(objects, company, (state) => {
    const used = inUse(state);
    const marked = new Set([...old.filter((version) => !used.has(version)), ...state.removing]);
    return marked.size === state.removing.length ? state : { ...state, removing: [...marked] };
  });
  for (const version of removing) await removeVersion(objects, company, version);
  await changeState(objects, company, (state) => {
    const rest = state.removing.filter((version) => !removing.includes(version));
    return rest.length === state.removing.length ? state : { ...state, removing: rest };
  });
  for (const version of await unfinishedVersions(objects, company, now))
    await removeVersion(objects, company, version);
  return [...removing];
}

/**
 * @param options.coreVersion of this Deskwire: models that need a newer one are not loaded
 * @param options.now the clock
 */
export function createRegistry(
  objects: ModelObjects,
  { coreVersion, now }: { coreVersion: string; now: () => Date },
): Registry {
  const read = (company: string, version: string) => readVersion(objects, company, version, coreVersion);
  const change = (company: string, how: (state: ModelState) => ModelState) =>
    changeState(objects, company, how);
  return {
    async publish(company, published) {
      return (await writeVersion(objects, company, published, now())).version;
    },
    async list(company) {
      const listed: ListedVersion[] = [];
      for (const version of await versionsOf(objects, company)) {
        const found = await orProblem(readManifest(objects, company, version, coreVersion));
        listed.push("problem" in found ? { version, ...found } : { version, manifest: found });
      }
      return listed;
    },
    read,
    state: (company) => readState(objects, company),
    async promote(company, version, { expect, again = false }) {
      const { manifest } = await read(company, version);
      return change(company, (state) => {
        if (state.current === version) return state;
        checkCurrent(company, state, expect);
        checkUsable(company, state, manifest, again);
        return promoted(state, version, manifest.sha256);
      });
    },
    rollback: (company) => rollback(objects, coreVersion, company),
    async canary(company, version, share, { again = false } = {}) {
      if (!(share >= 0 && share <= maxShare))
        throw new RegistryError("invalid", `a share of ${share} is none: expected 0 to ${maxShare}`);
      const { manifest } = await read(company, version);
      return change(company, (state) => {
        if (state.current === version)
          throw new RegistryError("invalid", `version ${version} of ${company}'s model is in force already`);
        checkUsable(company, state, manifest, again);
        return { ...state, canary: { version, share } };
      });
    },
    endCanary: (company) =>
      change(company, (state) => (state.canary === null ? state : { ...state, canary: null })),
    prune: (company, keep) => prune(objects, company, keep, now()),
  };
}
