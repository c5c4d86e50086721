/** What the gateway's endpoints may use. */
import type { CompanyDirectory } from "../../../config/directory.ts";
import type { HubConfig } from "../../../config/schema.ts";
import type { PushParts } from "../../hosting/push.ts";
import type { LogFor } from "../../lib/log.ts";
import type { Metrics } from "../../lib/metrics.ts";

/** The state of the node, for /health. */
export interface HealthReport {
  /** Whether it has what its own work needs. */
  ready: boolean;
  /** Whether anything is wrong, here or elsewhere. */
  degraded: boolean;
  node: { name: string; roles: readonly string[] };
  checks: Record<string, Check>;
}

export interface Check {
  ok: boolean;
  detail?: string | undefined;
  [fact: string]: unknown;
}

export interface Services extends PushParts {
  config: HubConfig;
  directory: CompanyDirectory;
  metrics: Metrics;
  logFor: LogFor;
  /** Calls an action of this node or of another one. */
  call<T>(action: string, params: object): Promise<T>;
  health(): Promise<HealthReport>;
  /** All metrics in Prometheus' text format. */
  metricsText(): string;
}
