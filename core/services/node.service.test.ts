/** What nodes tell each other of the companies that there are. */
import type { Context, ServiceSchema } from "moleculer";
import { expect, onTestFinished, test } from "vitest";
import { hubSchema } from "../../config/schema.ts";
import { type CompaniesInConfig, companiesEvent } from "../../ml-service/classify-schema.ts";
import { createBreakers } from "../lib/breakers.ts";
import { noMetrics } from "../lib/metrics.ts";
import { testCompany, testDirectory } from "../testing/company.ts";
import { startNats } from "../testing/nats.ts";
import { eventually, quietLog } from "../testing/store.ts";
import { describeWith } from "../testing/system-packages.ts";
import { createBroker } from "./broker.ts";
import { nodeService } from "./node.service.ts";

async function startNode(name: string, service: ServiceSchema, url?: string) {
  const { nats } = hubSchema.parse({ nats: url === undefined ? {} : { url } });
  const { broker } = createBroker(name, nats, { roles: [], config: null }, () => quietLog);
  broker.createService(service);
  onTestFinished(() => broker.stop());
  await broker.start();
  return broker;
}

function listener() {
  const heard: string[] = [];
  const events = {
    [companiesEvent]: (ctx: Context<CompaniesInConfig>) => void heard.push(ctx.params.companies.join(" ")),
  };
  return { heard, service: { name: "classifier", events } };
}

function node(...ids: string[]) {
  const directory = testDirectory(...ids.map((id) => testCompany(id)));
  const breakers = createBreakers({ metrics: noMetrics, log: quietLog });
  const instances = { status: () => [], breakers } as never;
  return { directory, service: nodeService({ directory, instances, sources: () => [] }) };
}

test("those that classify hear which companies are left when one is taken out of the config", async () => {
  const { heard, service } = listener();
  const { directory, service: own } = node("acme", "beta");
  const broker = await startNode("one", service);
  broker.createService(own);
  await eventually(() => heard.length === 1, "it is told at the start");
  directory.replace("gamma", testCompany("gamma"));
  directory.replace("beta", null);
  await eventually(() => heard.length === 2, "it is told of the change");
  expect(heard).toEqual(["acme beta", "acme gamma"]);
});

describeWith("nats", "over NATS", () => {
  test("a node that classifies hears it from one that joins later with another config", async () => {
    const server = await startNats();
    onTestFinished(() => server.stop());
    const { heard, service } = listener();
    await startNode("ml", service, server.url);
    const first = await startNode("core", node("acme", "beta").service, server.url);
    await eventually(() => heard.includes("acme beta"), "it is told");
    await first.stop();
    await startNode("core-2", node("acme").service, server.url);
    await eventually(() => heard.at(-1) === "acme", "it is told anew");
  });
});
