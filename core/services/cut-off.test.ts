import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { allRoles, type ClusterRole, startCluster } from "../testing/cluster.ts";
import { accountOf, postAll, untilDelivered } from "../testing/fault-run.ts";
import { makeNetwork } from "../testing/network.ts";
import { startOutside } from "../testing/outside.ts";
import { eventually } from "../testing/store.ts";
import { describeWith } from "../testing/system-packages.ts";

/** Longer than claims (6 s), acknowledgements of the queue (7.5 s) and leases (15 s) hold. Milliseconds. */
const cutOffMs = 16_000;

describeWith("ip", "four nodes on hosts of their own", () => {
  describeWith("nats", "one of which is cut off in the middle of a burst, and rejoins", () => {
    test.each(["pipeline", "connectors"] as ClusterRole[])(
      "%s: every message is delivered once",
      {
        timeout: 180_000,
      },
      async (role) => {
        const messages = 200;
        const network = await makeNetwork(allRoles);
        const outside = await startOutside(network.host);
        const cluster = await startCluster({ outside, network });
        try {
          const startedAt = performance.now();
          outside.llm.delayMs = 50;
          const ids = Array.from({ length: messages }, (_, n) => `m-${n}`);
          await postAll(cluster.intakeUrl("acme"), ids.slice(0, messages / 2));
          await eventually(() => outside.notes.size >= messages / 10, "some are delivered");
          await network.cut(role);
          await Promise.all([sleep(cutOffMs), postAll(cluster.intakeUrl("acme"), ids.slice(messages / 2))]);
          const meanwhile = outside.notes.size;
          await network.rejoin(role);
          await untilDelivered(cluster, messages);
          const { llmCalls, seconds, ...account } = await accountOf(cluster, outside, messages, startedAt);
          console.log(
            `${role} cut off for ${cutOffMs / 1000} s, ${meanwhile} delivered until then; all after ${seconds.toFixed(1)} s, ${llmCalls.toFixed(2)} LLM calls a message: ${JSON.stringify(account)}`,
          );
          expect(meanwhile).toBeLessThan(messages);
          expect(account).toEqual({
            accepted: messages,
            stored: messages,
            classified: messages,
            drafted: messages,
            delivered: messages,
            noted: messages,
            notedTwice: 0,
          });
        } finally {
          await cluster.stop();
          await outside.close();
          await network.remove();
        }
      },
    );
  });
});
