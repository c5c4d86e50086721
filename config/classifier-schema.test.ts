import { describe, expect, test } from "vitest";
import { makeProject } from "./test-project.ts";

const file = "config/companies/acme.yaml";
const projectOf = (classifier: string) => makeProject({ [file]: `name: Acme\nclassifier:\n${classifier}` });

describe("a company's classifier settings", () => {
  test("are rules by name, and VIPs", async () => {
    const project = await projectOf(
      `  rules:
    outage: off
    legal: { raisesTo: urgent }
    recall:
      phrases: [Rückruf*, отзыв партии]
  vip: [boss@example.com, "@big.example"]
`,
    );
    const { companies } = await project.load();
    expect(companies.get("acme")?.classifier).toMatchObject({
      rules: {
        outage: "off",
        legal: { raisesTo: "urgent" },
        recall: { phrases: ["Rückruf*", "отзыв партии"] },
      },
      vip: ["boss@example.com", "@big.example"],
    });
  });

  test("may be absent", async () => {
    const project = await makeProject({ [file]: "name: Acme\n" });
    expect((await project.load()).companies.get("acme")?.classifier).toEqual({
      labels: {},
      risk: { type: 0.05, priority: 0.05, department: 0.05 },
      llm: false,
      rules: {},
      vip: [],
    });
  });

  test("are told apart by the company's digest", async () => {
    const [one, other] = await Promise.all(["  vip: [a@b.example]\n", "  vip: []\n"].map(projectOf));
    const digest = async (project = one) => (await project?.load())?.companies.get("acme")?.sharedDigest;
    expect(await digest(one)).not.toBe(await digest(other));
  });

  test.each([
    [
      "  rules:\n    outge: off\n",
      /:4: classifier.rules.outge: there is no built-in rule of this name.*outage/,
    ],
    ["  rules:\n    recall: { raisesTo: high }\n", /:4: classifier.rules.recall: .* needs phrases/],
    [
      "  rules:\n    outage: { phrases: [] }\n",
      /:4: classifier.rules.outage.phrases: expected at least 1 item/,
    ],
    [
      "  rules:\n    outage:\n      phrases:\n        - '*!'\n",
      /:6: classifier.rules.outage.phrases\[0\]: .*word/,
    ],
    ["  rules:\n    outage: { phrases: ['a * * * * b'] }\n", /:4: .*three lone stars at most/],
    [
      "  rules:\n    outage: { raisesTo: low }\n",
      /:4: classifier.rules.outage.raisesTo: expected one of normal/,
    ],
    ["  rules:\n    outage: out\n", /:4: classifier.rules.outage: expected .*off/],
    ["  rules:\n    Not good: off\n", /:4: classifier.rules\["Not good"\]: expected a name of a-z/],
    [
      "  vip:\n    - a@b.example\n    - big.example\n",
      /:5: classifier.vip\[1\]: expected an e-mail address, or a/,
    ],
    ["  models: []\n", /:3: classifier.models: there is no such field/],
    [
      "  labels:\n    department: { a: 'All of it.' }\n",
      /:4: classifier.labels.department: expected two labels/,
    ],
    [
      "  labels:\n    department: { cards: 'Lost and stolen cards.', other: x }\n",
      /:4: classifier.labels.department.other: expected at least 10 characters/,
    ],
    [
      "  labels:\n    department: { cards: 'Lost and stolen cards.', unsure: 'All that is not clear.' }\n",
      /:4: .*expected no label of the name unsure/,
    ],
    ["  labels:\n    priority: {}\n", /:4: classifier.labels.priority: there is no such field/],
    ["  risk: { type: 2 }\n", /:3: classifier.risk.type: /],
  ])("%j is a mistake at its line", async (classifier, mistake) => {
    const mistakes = await (await projectOf(classifier)).mistakes();
    expect(mistakes).toEqual([expect.stringMatching(mistake)]);
  });
});
