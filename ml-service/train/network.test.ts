import { memoryUsage } from "node:process";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { createNetwork, joinNetworks } from "./network.ts";

test("of networks that are joined, each is let go of before the next one is made", () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const used: number[] = [];
  let bytes = 0;
  const joined = joinNetworks(4, (member) => {
    collect();
    used.push(memoryUsage().external);
    const network = createNetwork(20_000, [2, 3], { hidden: 64, dimensions: 0, seed: member });
    bytes = network.arrays.weights.buffer.byteLength;
    return network;
  });
  expect(joined).toMatchObject({ hidden: 256, weights: { length: 20_000 * 261 } });
  // The first one makes the room for what is joined, too.
  const [, second = 0, , fourth = 0] = used;
  expect(fourth - second).toBeLessThan(bytes / 2);
});
