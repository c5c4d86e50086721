import { expect, test } from "vitest";
import { startCluster } from "../testing/cluster.ts";
import { postAll, untilDelivered } from "../testing/fault-run.ts";
import { startOutside } from "../testing/outside.ts";
import { describeWith } from "../testing/system-packages.ts";

describeWith("nats", "companies that share four nodes", () => {
  test("a company's flood does not hold up another company's single message while the LLM is slow", {
    timeout: 180_000,
  }, async () => {
    const outside = await startOutside();
    const cluster = await startCluster({ outside, companies: ["flood", "small"], draftConcurrency: 16 });
    try {
      outside.llm.delayMs = 100;
      const flood = Array.from({ length: 1_200 }, (_, n) => `flood-${n}`);
      await postAll(cluster.intakeUrl("flood"), flood);
      const postedAt = performance.now();
      await postAll(cluster.intakeUrl("small"), ["small-1"]);
      await untilDelivered(cluster, flood.length + 1);
      const took = (id: string) => ((outside.notedAt.get(id) ?? Number.NaN) - postedAt) / 1000;
      const last = Math.max(...flood.map(took));
      console.log(`single message ${took("small-1").toFixed(1)} s, the flood's last ${last.toFixed(1)} s`);
      // The flood takes seconds, whatever the machine: 1,200 drafts of 100 ms, 16 at a time.
      expect(last).toBeGreaterThan(5);
      expect(took("small-1")).toBeLessThan(Math.max(3, last / 3));
    } finally {
      await cluster.stop();
      await outside.close();
    }
  });
});
