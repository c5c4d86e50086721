/** What the hub counts and times. The broker keeps the figures; this is all that the rest of the code knows of it. */

/** Every metric with its type and meaning: the reference in `docs/reference/metrics.md` is made from here. */
export const metricTable = {
  "deskwire.intake.messages": {
    type: "counter",
    labels: ["connector", "result"],
    description: "Messages taken in; result is stored, duplicate or skipped.",
  },
  "deskwire.intake.quarantined": {
    type: "counter",
    labels: ["connector"],
    description: "Items that could not be read and were kept aside with their reason.",
  },
  "deskwire.step.time": {
    type: "histogram",
    labels: ["step"],
    description: "Milliseconds that one message (classify: one batch) spent in a step's work.",
  },
  "deskwire.step.failures": {
    type: "counter",
    labels: ["step", "kind"],
    description: "Failed attempts, by step and error kind.",
  },
  "deskwire.messages.ended": {
    type: "counter",
    labels: ["outcome"],
    description: "Messages that reached an end: delivered, skipped or dead.",
  },
  "deskwire.queue.waiting": {
    type: "gauge",
    labels: ["step"],
    description: "Messages that wait in this node's queue.",
  },
  "deskwire.queue.working": {
    type: "gauge",
    labels: ["step"],
    description: "Messages in work on this node.",
  },
  "deskwire.nats.connected": {
    type: "gauge",
    labels: [],
    description: "1 while this node has a way to the others, 0 while NATS is away. Only with nats.url.",
  },
  "deskwire.recover.requeued": {
    type: "counter",
    labels: [],
    description: "Messages that stood still, or whose next attempt was due, and were queued again.",
  },
  "deskwire.breaker.open": {
    type: "gauge",
    labels: ["kind"],
    description: "Systems in trouble that this node leaves alone for now; kind is llm or connector.",
  },
  "deskwire.breaker.opened": {
    type: "counter",
    labels: ["kind"],
    description: "Times that a system in trouble was left alone for a while.",
  },
  "deskwire.llm.labels": {
    type: "counter",
    labels: ["result"],
    description:
      "Labels that an LLM was asked for, where the classifier had abstained; result is chosen, unsure or failed.",
  },
  "deskwire.llm.labels.time": {
    type: "histogram",
    labels: [],
    description: "Milliseconds that one message waited for labels by an LLM.",
  },
  "deskwire.ledger.missing": {
    type: "counter",
    labels: ["connector"],
    description: "Items that a source held and that had been missed, each counted once.",
  },
  "deskwire.ledger.healed": {
    type: "counter",
    labels: ["connector"],
    description: "Missed items that were fetched from their source later.",
  },
  "deskwire.ledger.failures": {
    type: "counter",
    labels: ["connector"],
    description: "Comparisons of a source with what is stored that failed.",
  },
  "deskwire.messages.overdue": {
    type: "gauge",
    labels: [],
    description: "Messages of all companies that have been open for longer than an hour, 10,000 at most.",
  },
  "deskwire.classifier.drift": {
    type: "gauge",
    labels: [],
    description:
      "Labels of companies whose messages are no longer like those that came first, as this node sees it.",
  },
  "deskwire.classifier.unusable": {
    type: "gauge",
    labels: [],
    description:
      "Companies whose own model in force cannot be used on this node, so that an older one serves.",
  },
  "deskwire.encoder.provider": {
    type: "gauge",
    labels: ["provider"],
    description: "1 for what a text encoder of one's own computes on: cuda, webgpu or cpu.",
  },
  "deskwire.encoder.waiting": {
    type: "gauge",
    labels: [],
    description: "Texts that wait for a text encoder of one's own, in line or for room in it.",
  },
  "deskwire.training.count": {
    type: "counter",
    labels: ["reason", "outcome"],
    description:
      "Trainings of companies' classifiers; reason is correction, nightly, labels or manual, outcome promoted, kept, too-few or failed.",
  },
  "deskwire.training.time": {
    type: "histogram",
    labels: ["reason"],
    description: "Milliseconds of a training, from reading the lessons to the answer.",
  },
  "deskwire.http.requests": {
    type: "counter",
    labels: ["route", "status"],
    description: "Requests answered by the gateway.",
  },
  "deskwire.http.time": {
    type: "histogram",
    labels: ["route"],
    description: "Milliseconds from a request's arrival to the end of its answer.",
  },
} as const;

export type MetricName = keyof typeof metricTable;

export interface Metrics {
  count(name: MetricName, labels?: Record<string, string>, by?: number): void;
  /** @param ms milliseconds, fractions included */
  time(name: MetricName, ms: number, labels?: Record<string, string>): void;
  set(name: MetricName, value: number, labels?: Record<string, string>): void;
}

/** For commands, whose figures nobody reads. */
export const noMetrics: Metrics = { count: () => undefined, time: () => undefined, set: () => undefined };
