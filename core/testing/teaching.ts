/** What a training needs in tests: a database, a folder for objects, and a trainer that is the test's own. */
import { rm } from "node:fs/promises";
import { onTestFinished } from "vitest";
import { lessonSchema, type TrainRequest, type TrainResponse } from "../../ml-service/train-schema.ts";
import { createFileObjects } from "../blobs/file-objects.ts";
import type { Objects } from "../blobs/objects.ts";
import type { TeachParts } from "../learning/teach.ts";
import { openTestStore, type TestStore } from "./store.ts";
import { makeTempFolder } from "./temp-folder.ts";

export function trained(fields: Partial<TrainResponse> = {}): TrainResponse {
  return { outcome: "promoted", version: "v1", message: "better", lessons: 20, leftOut: 0, ...fields };
}

/** The lessons of a data set. */
export async function readDataset(objects: Objects, key: string) {
  const { bytes } = await objects.get(key);
  const lines = Buffer.from(bytes).toString().trimEnd().split("\n");
  return lines.map((line) => lessonSchema.parse(JSON.parse(line)));
}

export interface TestTeaching {
  store: TestStore;
  parts: TeachParts;
  /** What was asked for so far. */
  requests: TrainRequest[];
  /** Figures as they were counted, with their labels. */
  counted: unknown[];
  /** The debug lines. */
  told: string[];
  /** Ends the pause after a training. */
  endPause(): Promise<void>;
}

/** @param train gets the number of the request, from 1 on */
export async function makeTeaching(
  train: (count: number) => Promise<TrainResponse> = async () => trained(),
): Promise<TestTeaching> {
  const store = await openTestStore();
  const dir = await makeTempFolder("teaching");
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  const requests: TrainRequest[] = [];
  const counted: unknown[] = [];
  const told: string[] = [];
  const quiet = () => undefined;
  const parts: TeachParts = {
    db: store.db,
    objects: createFileObjects(dir),
    mostLessons: 1_000,
    train(request) {
      requests.push(request);
      return train(requests.length);
    },
    log: { error: quiet, warn: quiet, info: quiet, debug: (message) => void told.push(message) },
    metrics: { count: (name, labels) => void counted.push({ name, ...labels }), time: quiet, set: quiet },
  };
  const endPause = async () => {
    await store.db.query("end-pause", "UPDATE trainings SET next_at = '-infinity'", []);
  };
  return { store, parts, requests, counted, told, endPause };
}
