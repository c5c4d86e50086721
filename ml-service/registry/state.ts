/** Which version of a company's model is in force: one small object, changed by one of several at a time. */
import { z } from "zod";
import { versionSchema } from "./manifest.ts";
import { failedAs, type ModelObjects, stateKey } from "./model-objects.ts";
import { RegistryError } from "./registry-error.ts";

/** Versions that can be rolled back to, and versions that are remembered as rolled back. */
const kept = { previous: 5, withdrawn: 50 };
/** How often a change is tried where others get in first. */
const attempts = 10;

/** The largest share of tickets that a canary gets. */
export const maxShare = 0.5;

const stateSchema = z.object({
  /** Null: the model that comes with the code. */
  current: versionSchema.nullable(),
  /** What was in force before, the last one first. */
  previous: z.array(versionSchema),
  /** Tried on a share of the tickets. */
  canary: z.object({ version: versionSchema, share: z.number().min(0).max(maxShare) }).nullable(),
  /** What was rolled back. The digest of the bytes, so that the same model is known under a new version. */
  withdrawn: z.array(z.object({ version: versionSchema, sha256: z.string().nullable() })),
  /** What is being removed at this moment. */
  removing: z.array(versionSchema),
});

type State = z.output<typeof stateSchema>;

/** A company's state; the tag changes with it, and is null where none was ever written. */
export interface ModelState extends Readonly<State> {
  readonly tag: string | null;
}

const none: State = { current: null, previous: [], canary: null, withdrawn: [], removing: [] };

/** @throws RegistryError of kind `damaged` where it cannot be read */
export async function readState(objects: ModelObjects, company: string): Promise<ModelState> {
  const key = stateKey(company);
  let found: { bytes: Uint8Array; tag: string };
  try {
    found = await objects.get(key);
  } catch (error) {
    if (failedAs(error, "missing")) return { ...none, tag: null };
    throw error;
  }
  try {
    return { ...stateSchema.parse(JSON.parse(Buffer.from(found.bytes).toString())), tag: found.tag };
  } catch (error) {
    throw new RegistryError(
      "damaged",
      `${key} cannot be read: restore it from a backup, or remove it and promote a version again`,
      error,
    );
  }
}

/**
 * Changes the state by compare-and-set.
 * @param change is called again where somebody else was faster; the same object means that nothing is to be done
 * @throws RegistryError of kind `conflict` where others were faster time after time; and what `change` throws
 */
export async function changeState(
  objects: ModelObjects,
  company: string,
  change: (state: ModelState) => ModelState,
): Promise<ModelState> {
  for (let left = attempts; ; left--) {
    const before = await readState(objects, company);
    const after = change(before);
    if (after === before) return before;
    const { tag, ...state } = after;
    const bytes = Buffer.from(`${JSON.stringify(stateSchema.parse(state), null, 2)}\n`);
    try {
      const put = await objects.put(
        stateKey(company),
        bytes,
        tag === null ? { ifNew: true } : { ifTag: tag },
      );
      return { ...after, tag: put.tag };
    } catch (error) {
      if (!failedAs(error, "conflict")) throw error;
      if (left > 1) continue;
      throw new RegistryError(
        "conflict",
        `others change the models of ${company} at this moment: try again`,
        error,
      );
    }
  }
}

/**
 * Puts a version in force. A trial of another one goes on beside it: an operator has begun it, and trainings put new versions in
 * force each night.
 */
export function promoted(state: ModelState, version: string, sha256: string): ModelState {
  const before = state.current === null ? [] : [state.current];
  const previous = [...before, ...state.previous].filter((other) => other !== version);
  return {
    ...state,
    current: version,
    previous: previous.slice(0, kept.previous),
    canary: state.canary?.version === version ? null : state.canary,
    withdrawn: state.withdrawn.filter((one) => one.version !== version && one.sha256 !== sha256),
  };
}

/**
 * Takes the current version out of force, and ends a trial: whoever goes back wants one model that is known to be good for all
 * tickets, and cannot tell which of the two was at fault.
 * @param to one of the previous ones, or null
 */
export function rolledBack(
  state: ModelState,
  from: { version: string; sha256: string | null },
  to: string | null,
): ModelState {
  return {
    ...state,
    current: to,
    previous: to === null ? [] : state.previous.slice(state.previous.indexOf(to) + 1),
    canary: null,
    withdrawn: [from, ...state.withdrawn].slice(0, kept.withdrawn),
  };
}

/** What must stay, whatever its age. */
export function inUse({ current, previous, canary }: ModelState): Set<string | null> {
  return new Set([current, ...previous, canary?.version ?? null]);
}
