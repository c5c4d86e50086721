/** The broker of a node: how it finds the others, and what it costs. */
import { setTimeout as sleep } from "node:timers/promises";
import { type BrokerOptions, ServiceBroker } from "moleculer";
import type { HubConfig } from "../../config/schema.ts";
import type { LogFor } from "../lib/log.ts";
import type { Metrics } from "../lib/metrics.ts";
import { brokerLogger } from "./broker-log.ts";
import { createBrokerMetrics } from "./broker-metrics.ts";

/** Milliseconds that the broker waits for running actions at a stop. */
const shutdownTimeoutMs = 12_000;
/** Seconds between signs of life, and without one until a node counts as gone: what its death delays calls that it had. */
const heartbeat = { interval: 1.5, timeout: 4 };
/** Milliseconds that a start waits for NATS. Then the node starts without: what customers send is taken in all the same. */
const patienceMs = 1_500;

export interface Broker {
  broker: ServiceBroker;
  metrics: Metrics;
  metricsText(): string;
}

function transporter(nats: HubConfig["nats"], name: string): BrokerOptions["transporter"] {
  if (!nats.url) return null;
  const { url, user, password, token } = nats;
  const servers = url.split(",").map((server) => server.trim().replace(/^nats:\/\//, ""));
  const options = {
    servers,
    name,
    ...(user !== undefined && { user, pass: password?.reveal() ?? "" }),
    ...(token !== undefined && { token: token.reveal() }),
    maxReconnectAttempts: -1,
    reconnectTimeWait: 200,
    reconnectJitter: 200,
    pingInterval: 5_000,
    maxPingOut: 2,
  };
  return { type: "NATS", options } as unknown as NonNullable<BrokerOptions["transporter"]>;
}

export function brokerOptions(nodeID: string, nats: HubConfig["nats"]): BrokerOptions {
  return {
    nodeID,
    namespace: "deskwire",
    transporter: transporter(nats, nodeID),
    heartbeatInterval: heartbeat.interval,
    heartbeatTimeout: heartbeat.timeout,
    tracking: { enabled: true, shutdownTimeout: shutdownTimeoutMs },
    // A signal is handled by whoever made the node: the broker's own handler would end the process before the database.
    skipProcessEventRegistration: true,
    // Parameters are checked by zod where they come in.
    validator: false,
  };
}

/** The broker waits for its transporter for ever before it starts a service; here it goes on, and is joined later. */
function startWithoutTransporter({ transit, registry, localBus }: ServiceBroker): void {
  if (!transit) return;
  const connect = transit.connect.bind(transit);
  let started = false;
  transit.connect = () =>
    Promise.race([connect(), sleep(patienceMs, undefined, { ref: false })]).then(() => {
      started = true;
    });
  localBus.on("$transporter.connected", () => {
    // Others learn of the services that have started meanwhile.
    if (started) void registry.discoverer.sendLocalNodeInfo();
  });
}

export function createBroker(nodeID: string, nats: HubConfig["nats"], logFor: LogFor): Broker {
  const { options, attach, text } = createBrokerMetrics();
  const broker = new ServiceBroker({
    ...brokerOptions(nodeID, nats),
    logger: brokerLogger(logFor),
    metrics: options as unknown as NonNullable<BrokerOptions["metrics"]>,
  });
  startWithoutTransporter(broker);
  return { broker, metrics: attach(broker), metricsText: text };
}
