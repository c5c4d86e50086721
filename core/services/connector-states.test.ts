import { expect, test } from "vitest";
import type { PullStatus } from "../hosting/pull.ts";
import { mergeStates } from "./connector-states.ts";
import type { NodeConnector, NodeStatus } from "./node.service.ts";

const connector = (fields: Partial<NodeConnector> = {}): NodeConnector => ({
  company: "acme",
  instance: "desk",
  state: "open",
  detail: null,
  leftAlone: false,
  ...fields,
});

const source = (fields: Partial<PullStatus> = {}): PullStatus => ({
  company: "acme",
  instance: "desk",
  startedAt: new Date(),
  lastReadAt: new Date(),
  failures: 0,
  detail: null,
  standby: false,
  ...fields,
});

/** As it comes from another node. */
const told = (...nodes: Array<[NodeConnector[], PullStatus[]?]>): NodeStatus[] =>
  JSON.parse(
    JSON.stringify(
      nodes.map(([connectors, sources = []]) => ({
        connectors,
        sources,
        leftAlone: { connector: 0, llm: 0 },
      })),
    ),
  );

const longAgo = new Date(Date.now() - 3_600_000);

test("a connector is as bad as on the node where it is worst", () => {
  const paused = connector({ state: "paused", detail: "401" });
  const closed = connector({ state: "closed" });
  expect(mergeStates(told([[connector()]], [[paused]], [[closed]]))).toEqual([
    { company: "acme", instance: "desk", state: "paused", detail: "401", source: null },
  ]);
  expect(mergeStates(told([[closed]], [[connector({ leftAlone: true })]]))).toMatchObject([
    { state: "open", detail: expect.stringContaining("they wait") },
  ]);
});

test("connectors of the same name of two companies are two", () => {
  const found = mergeStates(told([[connector(), connector({ company: "zenith", state: "paused" })]]));
  expect(found.map(({ company, state }) => [company, state])).toEqual([
    ["acme", "open"],
    ["zenith", "paused"],
  ]);
});

test("of a source that several nodes stand by for, only the one that reads it counts", () => {
  const waits = source({ standby: true, startedAt: longAgo, lastReadAt: null });
  const read = mergeStates(told([[connector()], [waits]], [[connector()], [source()]]));
  expect(read[0]?.source).toMatchObject({ read: true, failures: 0, lastReadAt: expect.any(Date) });
  const failing = source({ failures: 3, detail: "the source is down", lastReadAt: null });
  const unread = mergeStates(told([[connector()], [failing]], [[connector()], [waits]]));
  expect(unread[0]?.source).toMatchObject({ read: false, failures: 3, detail: "the source is down" });
});

test("a source that one node cannot reach and another one reads is read", () => {
  const failing = source({ failures: 3, detail: "no route to the host" });
  const found = mergeStates(told([[connector()], [failing]], [[connector()], [source()]]));
  expect(found[0]?.source).toMatchObject({ read: true, detail: null });
});

test("a source that nobody has read for long is not read", () => {
  const waits = source({ standby: true, startedAt: longAgo, lastReadAt: null });
  expect(mergeStates(told([[connector()], [waits]], [[connector()], [waits]]))[0]?.source).toMatchObject({
    read: false,
  });
});
