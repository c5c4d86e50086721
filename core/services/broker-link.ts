/** The way to the other nodes: whether NATS is there, and what must not wait for it. */
import { setTimeout as sleep } from "node:timers/promises";
import { type BrokerOptions, Errors, type ServiceBroker } from "moleculer";
import { Events, type NatsConnection } from "nats";
import type { HubConfig } from "../../config/schema.ts";
import type { Log } from "../../plugins/contract/connector.ts";
import { describeError } from "../../plugins/contract/errors.ts";

/** Milliseconds that a start waits for NATS. Then the node starts without: what customers send is taken in all the same. */
const patienceMs = 1_500;
/** Milliseconds that a stop waits for its last words to go out. */
const farewellMs = 1_000;

export interface Link {
  /** False where this node is the only one, since no NATS is set. */
  readonly used: boolean;
  readonly connected: boolean;
  /** Since when it is as it is. */
  readonly since: Date;
  /** Resolves when NATS answers. While it is away that may take long, or reject. */
  hear(): Promise<void>;
}

/** What the broker's NATS transporter keeps for itself. */
interface NatsTransporter {
  client: NatsConnection | null;
  connect(onError: unknown): Promise<void>;
  disconnect(): Promise<void> | undefined;
}

type Transit = NonNullable<ServiceBroker["transit"]> & {
  tx: NatsTransporter;
  opts: { disableReconnect?: boolean };
  connect(): Promise<void>;
};

/** The broker's option; null where no NATS is set. */
export function transporter(nats: HubConfig["nats"], name: string): BrokerOptions["transporter"] {
  if (!nats.url) return null;
  const { url, user, password, token } = nats;
  const options = {
    servers: url.split(",").map((server) => server.trim().replace(/^nats:\/\//, "")),
    name,
    ...(user !== undefined && { user, pass: password?.reveal() ?? "" }),
    ...(token !== undefined && { token: token.reveal() }),
    maxReconnectAttempts: -1,
    reconnectTimeWait: 200,
    reconnectJitter: 200,
    // A password that is changed on the server first must not cut the node off for good.
    ignoreAuthErrorAbort: true,
    pingInterval: 5_000,
    maxPingOut: 2,
  };
  return { type: "NATS", options } as unknown as NonNullable<BrokerOptions["transporter"]>;
}

export interface LinkParts {
  used: boolean;
  log: Log;
  /** Told of each change, and once at the start. */
  onChange(connected: boolean): void;
}

export interface OpenLink {
  link: Link;
  /** Fails calls of other nodes at once while NATS is away, instead of keeping them for when it is back. */
  middleware: object;
  /** To be called once, when the broker has been made. */
  attach(broker: ServiceBroker): void;
}

export function createLink({ used, log, onChange }: LinkParts): OpenLink {
  let connected = false;
  let since = new Date();
  let attached: Transit | undefined;
  const set = (next: boolean) => {
    if (next === connected) return;
    connected = next;
    since = new Date();
    onChange(connected);
    if (next) log.info("the way to the other nodes is open");
    else log.warn("NATS is away: other nodes cannot be called until it is back");
  };
  return {
    link: {
      used,
      get connected() {
        return connected;
      },
      get since() {
        return since;
      },
      async hear() {
        if (!connected || !attached?.tx.client) throw new Error("there is no connection to NATS");
        await attached.tx.client.flush();
      },
    },
    middleware: {
      name: "FailFast",
      remoteAction:
        (next: (ctx: unknown) => Promise<unknown>, { name }: { name: string }) =>
        (ctx: unknown) =>
          connected ? next(ctx) : Promise.reject(new Errors.ServiceNotAvailableError({ action: name })),
    },
    attach(broker) {
      const transit = broker.transit as Transit | undefined;
      if (!transit) return;
      attached = transit;
      onChange(connected);
      startWithout(transit, log, sayWhy(transit, log));
      endWithout(transit, () => connected);
      follow(broker, transit, set);
    },
  };
}

/** The broker would wait for its transporter for ever before it starts a service; here it goes on, and is joined later. */
function startWithout(transit: Transit, log: Log, failed: Promise<void>): void {
  const connect = transit.connect.bind(transit);
  transit.connect = async () => {
    const joined = connect().then(() => true);
    const late = sleep(patienceMs, false, { ref: false });
    if (!(await Promise.race([joined, late, failed.then(() => false)])))
      log.warn("NATS does not answer: this node starts without the others, and goes on trying");
  };
}

/** Says why an attempt to connect failed, once for all that follow. @returns what resolves with the first one that fails */
function sayWhy({ tx }: Transit, log: Log): Promise<void> {
  const connect = tx.connect.bind(tx);
  const { promise, resolve } = Promise.withResolvers<void>();
  let said = false;
  tx.connect = async (onError) => {
    try {
      await connect(onError);
      said = false;
    } catch (error) {
      if (!said) log.warn("NATS cannot be reached; trying on", { error: describeError(error) });
      said = true;
      resolve();
      throw error;
    }
  };
  return promise;
}

/** The transporter's own end waits for an answer of the server, and its attempts to connect have no end at all. */
function endWithout({ tx, opts }: Transit, isConnected: () => boolean): void {
  const [connect, disconnect] = [tx.connect.bind(tx), tx.disconnect.bind(tx)];
  let ended = false;
  tx.connect = async (onError) => {
    if (ended) return;
    await connect(onError);
    if (ended) await tx.client?.close();
  };
  tx.disconnect = async () => {
    ended = true;
    opts.disableReconnect = true;
    const { client } = tx;
    if (isConnected()) await Promise.race([disconnect(), sleep(farewellMs, undefined, { ref: false })]);
    await client?.close();
  };
}

/** The transporter tells nothing of a connection that is lost and found again: the connection itself does. */
function follow(broker: ServiceBroker, transit: Transit, set: (connected: boolean) => void): void {
  const { discoverer, nodes } = broker.registry as unknown as {
    discoverer: { sendLocalNodeInfo(): Promise<void>; discoverAllNodes(): Promise<unknown> };
    nodes: {
      toArray(): Array<{ id: string; local: boolean; available: boolean }>;
      disconnected(id: string, isUnexpected: boolean): void;
    };
  };
  const away = () => {
    set(false);
    // Their answers may be lost: whoever waits for one is told now. Each is called again when it has told of itself: when
    // this node is back it need not be, and a call that nobody hears would wait for its time-out.
    for (const { id, local, available } of nodes.toArray())
      if (!local && available) nodes.disconnected(id, true);
  };
  const watch = async (client: NatsConnection) => {
    for await (const { type } of client.status()) {
      if (type === Events.Disconnect) away();
      if (type !== Events.Reconnect) continue;
      set(true);
      await discoverer.sendLocalNodeInfo();
      await discoverer.discoverAllNodes();
    }
    away();
    // It ends by itself where the server refuses it for good, and then another one is opened.
    if (tx.client === client && !transit.opts.disableReconnect) await transit.connect();
  };
  const { tx } = transit;
  let watched: NatsConnection | null = null;
  broker.localBus.on("$transporter.connected", () => {
    set(true);
    // Services may have started before there was a way to tell the others of them.
    void discoverer.sendLocalNodeInfo();
    if (tx.client === null || tx.client === watched) return;
    watched = tx.client;
    void watch(tx.client);
  });
}
