/** Connections that can end for good: what has not gone out by then never does. */
import { connect, type Socket } from "node:net";
import { buildConnector } from "undici";

let resetting = false;

/**
 * Connections that `end` closes are reset. One that is only closed goes on sending what the system holds of it, for minutes
 * where the network is away: a request that was given up would arrive after the attempt that took its place.
 */
export function byReset(end: () => void): void {
  resetting = true;
  try {
    end();
  } finally {
    resetting = false;
  }
}

/** @param raw the connection under `socket`, or that itself */
function letReset(socket: Socket, raw: Socket): void {
  const destroy = socket.destroy.bind(socket);
  socket.destroy = (reason) => {
    if (raw !== socket && raw.connecting) raw.destroy();
    else if (resetting && !raw.connecting && !raw.destroyed) {
      // The reset ends a socket without a reason.
      socket.destroy = (later) => destroy(later ?? reason);
      raw.resetAndDestroy();
    }
    return destroy(reason);
  };
}

/** As undici's own, but `byReset` can end what it connects. */
export function createConnector(): buildConnector.connector {
  const connectAs = buildConnector({ allowH2: false });
  return (options, callback) => {
    const { protocol, hostname, port } = options;
    // Under TLS only a connection that was made here can be reset.
    const raw = protocol === "https:" ? connect({ host: hostname, port: Number(port) || 443 }) : undefined;
    const socket = connectAs(raw ? { ...options, httpSocket: raw } : options, callback) as unknown as Socket;
    raw?.on("error", (error) => socket.destroy(error));
    letReset(socket, raw ?? socket);
  };
}
