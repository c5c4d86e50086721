/** The hub's metrics in the broker's registry, and their text for Prometheus. */
import { MetricReporters, type ServiceBroker } from "moleculer";
import { type MetricName, type Metrics, metricTable } from "../lib/metrics.ts";

/** Prometheus' text without the HTTP server that the broker's reporter would open: /metrics is served by the gateway. */
class PrometheusText extends MetricReporters.Prometheus {
  override init(registry: Parameters<MetricReporters.Base["init"]>[0]) {
    MetricReporters.Base.prototype.init.call(this, registry);
  }
  override async stop() {
    // Nothing was opened.
  }
}

export interface BrokerMetrics {
  /** For the broker's `metrics` option. */
  options: { enabled: true; reporter: object };
  /** To be called once, when the broker has been made. */
  attach(broker: ServiceBroker): Metrics;
  text(): string;
}

export function createBrokerMetrics(): BrokerMetrics {
  const reporter = new PrometheusText({
    defaultLabels: (registry: { broker: ServiceBroker }) => ({ node: registry.broker.nodeID }),
  });
  return {
    options: { enabled: true, reporter },
    attach(broker) {
      const { metrics } = broker;
      for (const [name, { type, labels, description }] of Object.entries(metricTable)) {
        const quantiles = type === "histogram" ? { quantiles: true, unit: "millisecond" } : {};
        metrics?.register({ name, type, labelNames: [...labels], description, ...quantiles } as Parameters<
          typeof metrics.register
        >[0]);
      }
      return {
        count: (name: MetricName, labels = {}, by = 1) => void metrics?.increment(name, labels, by),
        time: (name: MetricName, ms: number, labels = {}) => void metrics?.observe(name, ms, labels),
        set: (name: MetricName, value: number, labels = {}) => void metrics?.set(name, value, labels),
      };
    },
    text: () => reporter.generatePrometheusResponse(),
  };
}
