/** The broker of a node: how it finds the others, what it costs, and how it ends. */
import { setTimeout as sleep } from "node:timers/promises";
import { type BrokerOptions, ServiceBroker, type ServiceSchema } from "moleculer";
import type { HubConfig } from "../../config/schema.ts";
import { describeError } from "../../plugins/contract/errors.ts";
import type { LogFor } from "../lib/log.ts";
import type { Metrics } from "../lib/metrics.ts";
import { createLink, type Link, transporter } from "./broker-link.ts";
import { brokerLogger } from "./broker-log.ts";
import { createBrokerMetrics } from "./broker-metrics.ts";

/** Milliseconds in which a stop finishes what is under way. */
const drainMs = 8_000;
/** Milliseconds beyond them for calls of other nodes that are still being answered. */
const lastCallsMs = 500;
/** Milliseconds after which a call that names no time-out of its own is given up. */
const requestTimeoutMs = 60_000;
/** Seconds between signs of life, and without one until a node counts as gone: what its death delays calls that it had. */
const heartbeat = { interval: 1.5, timeout: 4 };

export interface Broker {
  broker: ServiceBroker;
  link: Link;
  metrics: Metrics;
  metricsText(): string;
}

/** A service that takes work by itself: `drain` ends that, and waits for what it holds, while all services are there still. */
export type DrainedService = ServiceSchema & { drain?(): Promise<void> };

/** What the other nodes are told of this one. */
export interface NodeMetadata {
  roles: readonly string[];
  /** A digest of the companies in force; null on a node that has none. */
  config: string | null;
}

/** The first part of a stop: the broker has told the others already that this node takes no more calls. */
function drainFirst(logFor: LogFor) {
  return {
    name: "Drain",
    async stopping(broker: ServiceBroker) {
      const log = logFor("hub");
      const end = Date.now() + drainMs;
      const drains = broker.services.map(async ({ name, schema }) => {
        try {
          await (schema as DrainedService).drain?.();
        } catch (error) {
          log.error("a service did not come to its end", { service: name, error: describeError(error) });
        }
      });
      const late = sleep(drainMs, true, { ref: false });
      if ((await Promise.race([Promise.all(drains), late])) === true)
        log.warn(
          `not all that was under way came to its end within ${drainMs / 1000} s: it is taken up again`,
        );
      const { tracking } = broker.options;
      if (tracking) tracking.shutdownTimeout = Math.max(lastCallsMs, end - Date.now());
    },
  };
}

/** @param metadata changes of it are told by `createNodes` */
export function createBroker(
  nodeID: string,
  nats: HubConfig["nats"],
  metadata: NodeMetadata,
  logFor: LogFor,
): Broker {
  const { options, attach, text } = createBrokerMetrics();
  let metrics: Metrics | undefined;
  const openLink = createLink({
    used: nats.url !== undefined,
    log: logFor("nodes"),
    onChange: (connected) => metrics?.set("deskwire.nats.connected", Number(connected)),
  });
  const { link, middleware } = openLink;
  const broker = new ServiceBroker({
    nodeID,
    namespace: "deskwire",
    metadata: metadata as unknown as Record<string, unknown>,
    transporter: transporter(nats, nodeID),
    requestTimeout: requestTimeoutMs,
    heartbeatInterval: heartbeat.interval,
    heartbeatTimeout: heartbeat.timeout,
    tracking: { enabled: true, shutdownTimeout: drainMs },
    // A signal is handled by whoever made the node: the broker's own handler would end the process before the database.
    skipProcessEventRegistration: true,
    // Those of the broker's own that are used; each one costs every call something. At a stop the last one comes first.
    internalMiddlewares: false,
    middlewares: [middleware, "ContextTracker", "Timeout", "ErrorHandler", drainFirst(logFor)],
    // Parameters are checked by zod where they come in.
    validator: false,
    logger: brokerLogger(logFor),
    metrics: options as unknown as NonNullable<BrokerOptions["metrics"]>,
  } as BrokerOptions);
  metrics = attach(broker);
  openLink.attach(broker);
  return { broker, link, metrics, metricsText: text };
}
