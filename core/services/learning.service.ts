/** Learning from corrections as a service: it asks for trainings through the broker, wherever the classifier runs. */
import type { ServiceBroker } from "moleculer";
import { startTeacher, type Teacher, type TeacherParts } from "../learning/teacher.ts";
import { allAgree } from "./agreement.ts";
import type { DrainedService } from "./broker.ts";
import { callService } from "./call-service.ts";
import type { Nodes } from "./nodes.ts";

/** Milliseconds for one training: of a company with 100,000 lessons, too. */
const trainTimeoutMs = 30 * 60_000;
const action = "classifier.train";
// A stop gives trainings up.
const options = { timeout: trainTimeoutMs, tracking: false };

export interface LearningServiceParts extends Omit<TeacherParts, "train" | "ready" | "agreed" | "node"> {
  nodes: Nodes;
}

export function learningService({ nodes, ...parts }: LearningServiceParts): DrainedService {
  let teacher: Teacher | undefined;
  return {
    name: "learning",
    async started() {
      const { broker } = this as unknown as { broker: ServiceBroker };
      teacher = startTeacher({
        ...parts,
        node: nodes.here,
        train: (request) => callService(broker, action, request, options),
        agreed: () => allAgree(parts.directory, nodes),
        ready: () => nodes.ownerOf(action, "") !== undefined,
      });
    },
    async drain() {
      await teacher?.stop();
    },
  };
}
