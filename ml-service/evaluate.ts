/** `node ml-service/evaluate.ts --data FOLDER`: prints how good the shipped model is, on held-out and on foreign data. */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { defaultModelPath } from "./classifier.service.ts";
import { classifierOf } from "./classifier.ts";
import { judgeFaq, judgeHeldOut, judgeTickets } from "./evaluate/shipped.ts";
import { loadModel } from "./model.ts";
import type { Figures } from "./train/metrics.ts";
import { readMapping } from "./train/sets.ts";

const { values } = parseArgs({
  options: {
    data: { type: "string", default: join(import.meta.dirname, "../../shared/data") },
    model: { type: "string", default: defaultModelPath },
  },
});
const model = loadModel(values.model);
const classifier = classifierOf(model);
const mapping = readMapping();

const heldOut = await judgeHeldOut(model, classifier, values.data, mapping);
if (heldOut.missing.length > 0) console.log(`not in ${values.data}: ${heldOut.missing.join(", ")}`);
for (const [head, bySource] of Object.entries(heldOut.figures)) print(`held out: ${head}`, bySource);
console.log(`held out: AUROC of outOfScope ${heldOut.auroc?.toFixed(3) ?? "unknown"}`);

const tickets = await judgeTickets(classifier, values.data, mapping);
if (tickets) {
  for (const [field, rows] of Object.entries(tickets.figures)) print(`tickets_tobi: ${field}`, rows);
  const { right, of } = tickets.languages;
  console.log(`tickets_tobi: the language is right for ${(right / Math.max(1, of)).toFixed(3)} of ${of}`);
} else console.log(`tickets_tobi is not in ${values.data}: skipped`);

const faq = await judgeFaq(classifier, values.data, mapping);
if (faq) {
  print("ru_vtb_faq", faq.figures);
  console.log(`ru_vtb_faq: ${faq.russian.toFixed(3)} recognised as Russian`);
} else console.log(`ru_vtb_faq is not in ${values.data}: skipped`);

function print(title: string, rows: Readonly<Record<string, Figures>>): void {
  console.log(`\n${title}`);
  console.table(
    Object.fromEntries(
      Object.entries(rows).map(([name, figures]) => [
        name,
        Object.fromEntries(Object.entries(figures).map(([key, value]) => [key, Number(value.toFixed(3))])),
      ]),
    ),
  );
}
