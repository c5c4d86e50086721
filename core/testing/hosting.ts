/** The hosting of connectors for tests: real intake, instances and database around a connector of the test's own. */
import { onTestFinished } from "vitest";
import type { AnyConnector } from "../../plugins/contract/connector.ts";
import { BlobError, type Blobs, blobKey } from "../blobs/blobs.ts";
import { createInstances, type Instances } from "../hosting/instances.ts";
import { createIntake, type Intake } from "../pipeline/intake.ts";
import { createMemoryQueue } from "../queue/memory.ts";
import type { Database } from "../store/database.ts";
import { testCompany, testDirectory, testInstance } from "./company.ts";
import { quietLog } from "./store.ts";

export interface TestHost {
  db: Database;
  blobs: Blobs;
  intake: Intake;
  instances: Instances;
  directory: ReturnType<typeof testDirectory>;
}

/** Blobs in memory. */
export function memoryBlobs(): Blobs {
  const kept = new Map<string, Uint8Array>();
  return {
    async put(company, content) {
      const key = blobKey(company, content);
      kept.set(key, content);
      return key;
    },
    async get(key) {
      const found = kept.get(key);
      if (!found) throw new BlobError("missing", `there is no blob ${key}`);
      return found;
    },
  };
}

/** One company "acme" with one connector "desk"; closed when the test ends. */
export function hostConnector(db: Database, spec: AnyConnector): TestHost {
  const directory = testDirectory(testCompany("acme", [testInstance("desk", spec)]));
  const blobs = memoryBlobs();
  const instances = createInstances({ directory, db, blobs, logFor: () => quietLog });
  const queue = createMemoryQueue();
  const metrics = { count: () => undefined, time: () => undefined, set: () => undefined };
  const intake = createIntake({ db, blobs, queue, metrics, log: quietLog, stalledMs: 60_000 });
  onTestFinished(async () => {
    await instances.close();
    await queue.close();
  });
  return { db, blobs, intake, instances, directory };
}
