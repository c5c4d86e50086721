/** The state machine of a message: which step works on which stage, and what follows. */
import type { Step } from "../queue/queue.ts";
import type { OpenStage } from "../store/progress.ts";

/** received → classified → drafted → delivered; from each also skipped(reason) or dead(error). */
export const stageOf: Record<Step, OpenStage> = {
  classify: "received",
  draft: "classified",
  deliver: "drafted",
};

/** The step that a message at this stage waits for. */
export const stepFor: Record<OpenStage, Step> = {
  received: "classify",
  classified: "draft",
  drafted: "deliver",
};
