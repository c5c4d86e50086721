/** The hosting of connectors for tests: real intake, instances and database around a connector of the test's own. */
import { onTestFinished } from "vitest";
import type { AnyConnector } from "../../plugins/contract/connector.ts";
import { createInstances, type Instances } from "../hosting/instances.ts";
import { createIntake, type Intake } from "../pipeline/intake.ts";
import { createMemoryQueue } from "../queue/memory.ts";
import type { Database } from "../store/database.ts";
import { testCompany, testDirectory, testInstance } from "./company.ts";
import { quietLog } from "./store.ts";

export interface TestHost {
  db: Database;
  intake: Intake;
  instances: Instances;
  directory: ReturnType<typeof testDirectory>;
}

/** One company "acme" with one connector "desk"; closed when the test ends. */
export function hostConnector(db: Database, spec: AnyConnector): TestHost {
  const directory = testDirectory(testCompany("acme", [testInstance("desk", spec)]));
  const blobs = { put: async () => "blob", get: async () => new Uint8Array() };
  const instances = createInstances({ directory, db, blobs, logFor: () => quietLog });
  const queue = createMemoryQueue();
  const metrics = { count: () => undefined, time: () => undefined, set: () => undefined };
  const intake = createIntake({ db, blobs, queue, metrics, log: quietLog, stalledMs: 60_000 });
  onTestFinished(async () => {
    await instances.close();
    await queue.close();
  });
  return { db, intake, instances, directory };
}
