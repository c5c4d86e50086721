/** The teacher on a broker, with a service that stands for the classifier's training. */
import { expect, test } from "vitest";
import { hubSchema } from "../../config/schema.ts";
import { trainRequestSchema } from "../../ml-service/train-schema.ts";
import { testCompany, testDirectory } from "../testing/company.ts";
import { storeLessons } from "../testing/lessons.ts";
import { eventually, quietLog } from "../testing/store.ts";
import { makeTeaching, trained } from "../testing/teaching.ts";
import { createBroker } from "./broker.ts";
import { learningService } from "./learning.service.ts";
import { createNodes } from "./nodes.ts";

test("trainings are asked for through the broker, once a node is there that trains; a stop does not wait for one", async () => {
  const { parts, store } = await makeTeaching();
  await storeLessons(store.db, 20);
  const metadata = { roles: [], config: null };
  const { broker, link } = createBroker("one", hubSchema.parse({}).nats, metadata, () => quietLog);
  const nodes = createNodes(broker, link);
  const directory = testDirectory(testCompany("acme"));
  const { train: _, ...rest } = parts;
  const own = { directory, nodes, nightlyHour: 3, now: () => new Date(0), lookMs: 5 };
  broker.createService(learningService({ ...rest, ...own }));
  await broker.start();

  const requests: unknown[] = [];
  const train = async ({ params }: { params: unknown }) => {
    requests.push(trainRequestSchema.parse(params));
    return requests.length === 1 ? trained() : new Promise(() => undefined);
  };
  broker.createService({ name: "classifier", actions: { train } });
  await eventually(() => requests.length === 1, "a training");
  await storeLessons(store.db, 1);
  await eventually(async () => {
    await store.db.query("end-pause", "UPDATE trainings SET next_at = '-infinity'", []);
    return requests.length === 2;
  }, "another training");
  await broker.stop();
  expect(await store.db.query("leases", "SELECT 1 FROM leases", [])).toEqual([]);
});
