/** The broker's own log lines in the hub's format. */
import { Loggers } from "moleculer";
import type { LogFor } from "../lib/log.ts";

/** The broker tells much of what goes well; of that, only its warnings and errors are for operators. */
const levels: Record<string, "error" | "warn" | "debug"> = { fatal: "error", error: "error", warn: "warn" };

/** Said at each of many attempts; the link says it once. */
const attempts = /^(NATS error\.|Connection is failed\.)/;

/** A logger in the broker's sense. It takes an instance of its base class, hence the class made here. */
export function brokerLogger(logFor: LogFor): Loggers.Base<object> {
  const Logger = class extends Loggers.Base<object> {
    override getLogHandler(bindings: { mod?: string }) {
      const log = logFor(`broker ${bindings.mod ?? ""}`.trim().toLowerCase());
      return (type: string, args: unknown[]) => {
        const text = args
          .map((arg) => (arg instanceof Error ? (arg.stack ?? arg.message) : String(arg)))
          .join(" ");
        log[attempts.test(text) ? "debug" : (levels[type] ?? "debug")](text);
      };
    }
  };
  return new Logger({ level: "info" });
}
