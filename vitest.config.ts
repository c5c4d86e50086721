/** How the tests run: `npm test`, or `npx vitest run <path>` for some of them. */
import { defineConfig } from "vitest/config";

/** A file for the results as JSON, beside what the terminal shows; `.ci/run` counts from it. */
const report = process.env.DESKWIRE_TEST_REPORT;

export default defineConfig({
  test: {
    include: ["**/*.test.ts"],
    exclude: ["**/node_modules/**", "**/.deskwire/**"],
    globalSetup: ["core/testing/global-setup.ts"],
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    reporters: report ? ["default", ["json", { outputFile: report }]] : ["default"],
  },
});
