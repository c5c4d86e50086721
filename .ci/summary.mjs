/**
 * Counts the tests of vitest's JSON report: `node .ci/summary.mjs REPORT [PROBLEM…]`. Prints what failed or was skipped, and
 * "N passed, N failed" as the last line. Exit status 1 where anything failed; 2 and above where it could not count.
 */
import { readFileSync } from "node:fs";

const [reportPath, ...problems] = process.argv.slice(2);

/** The report's test files, or none where vitest has not come to write it. */
function readFiles() {
  try {
    return JSON.parse(readFileSync(reportPath, "utf8")).testResults;
  } catch (error) {
    if (error.code === "ENOENT" || error instanceof SyntaxError) return [];
    throw error;
  }
}

function main() {
  const failures = [];
  let passed = 0;
  for (const file of readFiles()) {
    for (const test of file.assertionResults) {
      const name = `${file.name.replace(`${process.cwd()}/`, "")}: ${test.fullName}`;
      if (test.status === "passed") passed += 1;
      else if (test.status === "failed") failures.push(`failed: ${name}`);
      else failures.push(`${test.status === "todo" ? "only planned" : "skipped"}: ${name}`);
    }
    // A file that cannot be loaded, or whose hooks fail, has a failure that belongs to no test.
    const broken =
      file.status === "failed" && !file.assertionResults.some((test) => test.status === "failed");
    if (broken) failures.push(`failed: ${file.name}: ${(file.message ?? "").split("\n")[0]}`);
  }
  const failedTests = failures.filter((line) => line.startsWith("failed")).length;
  for (const problem of problems) {
    // That npm test failed is no news where its failed tests are counted.
    if (problem !== "npm test failed" || failedTests === 0) failures.push(problem);
  }
  if (passed === 0 && failures.length === 0) failures.push("no test has run");

  for (const failure of failures) console.log(failure);
  console.log(`${passed} passed, ${failures.length} failed`);
  process.exitCode = failures.length > 0 ? 1 : 0;
}

try {
  main();
} catch (error) {
  console.error(error);
  process.exitCode = 2;
}
