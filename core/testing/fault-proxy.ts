/** A TCP proxy that fails on demand, for tests of connections that are refused, cut, or half-open. */
import { connect, createServer, type Server, type Socket } from "node:net";

export interface FaultProxy {
  readonly host: "127.0.0.1";
  /** Stays the same, also after `refuse`. */
  readonly port: number;
  /** Open connections, those held included. */
  connections(): number;
  /** Connections taken since the start. */
  taken(): number;
  /** Bytes forwarded since the start, in both directions. */
  bytes(): number;
  /** Stops listening, so that new connections are refused by the system; those that are open go on. */
  refuse(): Promise<void>;
  /** Breaks all open connections with a reset. New ones are let through. */
  cut(): void;
  /** From now on swallows every byte in both directions, of open connections and of new ones, which are still taken. */
  hold(): void;
  /** Breaks all open connections, and each new one in the middle of what comes from the target, after so many bytes. */
  breakOff(afterBytes: number): void;
  /**
   * From now on lets a request that matches `asked` through, and breaks its connection instead of bringing the answer back.
   * Answers that match `goOn` ask for the rest of the request, and pass.
   */
  loseAnswers(asked: RegExp, goOn: RegExp): void;
  /**
   * Ends `refuse`, `hold`, `breakOff` and `loseAnswers`. What was swallowed stays lost: connections that were held are
   * broken.
   */
  release(): Promise<void>;
  stop(): Promise<void>;
}

/** A client's connection with its own one to the target. */
interface Pair {
  readonly server: Socket | undefined;
  held: boolean;
  /** Bytes that came from the target. */
  answered: number;
  /** Whether what came last is to have no answer. */
  asked: boolean;
}

/** Forwards a free port of the loopback to `target`. */
export async function startFaultProxy(target: { host?: string; port: number }): Promise<FaultProxy> {
  const pairs = new Map<Socket, Pair>();
  let holding = false;
  let breakAfter: number | undefined;
  let losing: { asked: RegExp; goOn: RegExp } | undefined;
  let taken = 0;
  let forwarded = 0;

  /** What of an answer passes; with less than all of it the connection is to be broken. */
  const answer = (pair: Pair, bytes: Buffer): Buffer => {
    if (losing && pair.asked && !losing.goOn.test(bytes.toString("latin1"))) return bytes.subarray(0, 0);
    const before = pair.answered;
    pair.answered += bytes.length;
    return breakAfter === undefined ? bytes : bytes.subarray(0, Math.max(0, breakAfter - before));
  };

  const server = createServer((client) => {
    taken += 1;
    const pair: Pair = {
      server: holding ? undefined : connect(target.port, target.host ?? "127.0.0.1"),
      held: holding,
      answered: 0,
      asked: false,
    };
    pairs.set(client, pair);
    const end = () => {
      pairs.delete(client);
      client.destroy();
      pair.server?.destroy();
    };
    const forward = (from: Socket, to: Socket | undefined) => {
      from.setNoDelay(true);
      from.on("data", (bytes) => {
        if (pair.held) return;
        const passing = from === client ? bytes : answer(pair, bytes);
        if (losing && from === client && losing.asked.test(bytes.toString("latin1"))) pair.asked = true;
        forwarded += passing.length;
        to?.write(passing, () => {
          if (passing.length < bytes.length) client.resetAndDestroy();
        });
      });
      // The reason of a broken connection does not matter here: both sides see that it broke.
      from.on("error", end).on("close", end);
    };
    forward(client, pair.server);
    if (pair.server) forward(pair.server, client);
  });
  await listen(server, 0);
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the proxy has no port");
  const { port } = address;

  const breakAll = (held: boolean) => {
    for (const [client, pair] of pairs) if (!held || pair.held) client.resetAndDestroy();
  };
  const refuse = async () => {
    // Node's close waits for open connections, which go on here: it stops listening at once all the same.
    if (server.listening) server.close();
  };
  return {
    host: "127.0.0.1",
    port,
    connections: () => pairs.size,
    taken: () => taken,
    bytes: () => forwarded,
    refuse,
    cut: () => breakAll(false),
    hold() {
      holding = true;
      for (const pair of pairs.values()) pair.held = true;
    },
    breakOff(afterBytes) {
      breakAfter = afterBytes;
      breakAll(false);
    },
    loseAnswers(asked, goOn) {
      losing = { asked, goOn };
    },
    async release() {
      holding = false;
      breakAfter = undefined;
      losing = undefined;
      breakAll(true);
      if (!server.listening) await listen(server, port);
    },
    async stop() {
      breakAll(false);
      await refuse();
    },
  };
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => {
      server.off("error", reject);
      resolve();
    });
  });
}
