/** Sends a load from a process of its own. */
import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Load, LoadResult } from "./driver.ts";

const program = fileURLToPath(new URL("driver.ts", import.meta.url));

/** Starts to send; resolves when every message was answered. */
export function drive(load: Load): Promise<LoadResult> {
  const child = fork(program, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("message", (result) => resolve(result as LoadResult));
    child.once("exit", (code) => reject(new Error(`the driver ended with ${code}`)));
    child.send(load);
  });
}
