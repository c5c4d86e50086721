/** What those who run a node ask of it, whether it has the API or not. */
import type { HealthReport } from "./services.ts";

/** The process runs. */
export const alive = { status: 200, body: { status: "ok" } };

export function healthReply({ ready, degraded, node, checks }: HealthReport) {
  const status = ready ? "ok" : "unavailable";
  return { status: ready ? 200 : 503, body: { status, degraded, node, checks } };
}

export function metricsReply(text: string) {
  return { status: 200, headers: { "content-type": "text/plain; version=0.0.4; charset=utf-8" }, body: text };
}
