/** The HTTP server under the gateway: it listens or says why not, answers what is no HTTP, and closes when its last answer is out. */
import { createServer, type RequestListener, STATUS_CODES } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";
import { ConnectorError } from "../../../plugins/contract/errors.ts";
import { announcedSize, tooLarge } from "./body.ts";
import { Problem } from "./problem.ts";

/** A slow sender must not hold a connection for ever; a body of the largest size comes through in this time. Milliseconds. */
const requestTimeoutMs = 60_000;
/** Milliseconds for the headers alone. */
const headersTimeoutMs = 20_000;
/** Milliseconds that a stop waits for answers that are under way. */
const drainMs = 7_000;
/** Milliseconds between two looks for connections that are idle by now. */
const idleEveryMs = 50;
/** Milliseconds in which a client may read why its connection ends. */
const lingerMs = 1_000;

export interface HttpServer {
  readonly address: AddressInfo;
  /** Takes no new connection, and resolves when those with a request under way have been answered, or after 7 s. */
  close(): Promise<void>;
}

function listenError(error: NodeJS.ErrnoException, host: string, port: number): ConnectorError {
  const reasons: Record<string, string> = {
    EADDRINUSE: `port ${port} of ${host} is taken by another program`,
    EACCES: `this user may not listen on port ${port}`,
    EADDRNOTAVAIL: `this machine has no address ${host}`,
    ENOTFOUND: `the name ${host} is not known`,
  };
  const reason = reasons[error.code ?? ""] ?? `the hub cannot listen on ${host}:${port} (${error.message})`;
  return new ConnectorError(
    "config",
    `${reason}: set http.port or http.host in config/hub.yaml, or DESKWIRE_HTTP_PORT`,
  );
}

/** What Node's parser says of a request that it could not read. */
function unreadable(code: string | undefined): Problem {
  if (code === "HPE_HEADER_OVERFLOW")
    return new Problem(431, { detail: "the headers are larger than 16 kB" });
  if (code === "ERR_HTTP_REQUEST_TIMEOUT")
    return new Problem(408, { detail: "the request did not come through in time" });
  return new Problem(400, { detail: "this is no valid HTTP/1.1 request" });
}

function answerUnreadable(error: Error & { code?: string }, socket: Duplex): void {
  if (!socket.writable || error.code === "ECONNRESET") {
    socket.destroy();
    return;
  }
  const problem = unreadable(error.code);
  const body = JSON.stringify(problem);
  const head = [
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}`,
    "content-type: application/problem+json",
    `content-length: ${Buffer.byteLength(body)}`,
    "connection: close",
  ].join("\r\n");
  // What is still coming in is read and dropped: a connection that is closed over it would lose the answer.
  (socket as Socket).removeAllListeners("data").resume();
  socket.end(`${head}\r\n\r\n${body}`);
  setTimeout(() => socket.destroy(), lingerMs).unref();
}

/**
 * @param maxBodyBytes a client that asks before it sends (`Expect: 100-continue`) is told at once that it is too much
 * @throws ConnectorError of kind `config` where it cannot listen there
 */
export async function listen(
  listener: RequestListener,
  { host, port, maxBodyBytes }: { host: string; port: number; maxBodyBytes: number },
): Promise<HttpServer> {
  const server = createServer(
    {
      requestTimeout: requestTimeoutMs,
      headersTimeout: headersTimeoutMs,
      connectionsCheckingInterval: 5_000,
    },
    listener,
  );
  let closing = false;
  // Whoever keeps its connection is told with the next answer to open another one, which leads to another node.
  server.prependListener("request", (_, response) => {
    if (closing) response.setHeader("connection", "close");
  });
  server.on("clientError", answerUnreadable);
  server.on("checkContinue", (request, response) => {
    if (announcedSize(request) <= maxBodyBytes) {
      response.writeContinue();
      listener(request, response);
      return;
    }
    const problem = tooLarge(maxBodyBytes);
    const body = JSON.stringify(problem);
    const headers = { "content-type": "application/problem+json", "content-length": Buffer.byteLength(body) };
    response.writeHead(problem.status, { ...headers, connection: "close" }).end(body);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => reject(listenError(error, host, port)));
    server.listen(port, host, resolve);
  });
  return {
    address: server.address() as AddressInfo,
    close: () =>
      new Promise((resolve, reject) => {
        closing = true;
        const timer = setTimeout(() => server.closeAllConnections(), drainMs);
        const idle = setInterval(() => server.closeIdleConnections(), idleEveryMs);
        server.close((error) => {
          clearTimeout(timer);
          clearInterval(idle);
          if (error) reject(error);
          else resolve();
        });
      }),
  };
}
