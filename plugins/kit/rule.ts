/** A rule that a connector has to keep, and the checks that come of rules. */
import type { AnyConnector } from "../contract/connector.ts";
import { kindOf } from "../contract/errors.ts";
import type { Stage } from "./stage.ts";

export const capabilities = ["spec", "life", "pull", "push", "serve", "deliver"] as const;
export type Capability = (typeof capabilities)[number];

export interface Rule {
  /** The rule as a sentence. */
  readonly name: string;
  readonly covers: Capability;
  /** Whether the connector has what the rule is about; default: the block that it is named after. */
  applies?(spec: AnyConnector): boolean;
  run(stage: Stage): Promise<void>;
}

/** @throws with what is wrong, where it is */
export function ensure(condition: unknown, wrong: string): asserts condition {
  if (!condition) throw new Error(wrong);
}

/** @throws where an error is not of this kind */
export function ensureKind(error: unknown, kinds: readonly string[], when: string): void {
  const kind = kindOf(error);
  const said = error instanceof Error ? error.message : String(error);
  ensure(
    kinds.includes(kind),
    `${when}: expected an error of kind ${kinds.join(" or ")}, got ${kind} (${said})`,
  );
}
