/** The model that comes with the code: on what was kept back of its own data, and on foreign data. */
import { defaultModelPath } from "../../ml-service/classifier.service.ts";
import { classifierOf } from "../../ml-service/classifier.ts";
import { judgeFaq, judgeHeldOut, judgeTickets } from "../../ml-service/evaluate/shipped.ts";
import { loadModel } from "../../ml-service/model.ts";
import type { Figures } from "../../ml-service/train/metrics.ts";
import { readMapping } from "../../ml-service/train/sets.ts";
import type { Figure } from "../figures.ts";

/** How far right labels are to lie above always naming one label. */
const gainGoal = 0.15;
const heads = ["type", "priority", "department"] as const;

/** @param say is told which sets are missing */
export async function measureShipped(data: string, say: (line: string) => void): Promise<Figure[]> {
  const model = loadModel(defaultModelPath);
  const classifier = classifierOf(model);
  const mapping = readMapping();
  const heldOut = await judgeHeldOut(model, classifier, data, mapping);
  const tickets = await judgeTickets(classifier, data, mapping);
  const faq = await judgeFaq(classifier, data, mapping);
  if (!tickets) say(`tickets_tobi is not in ${data}: skipped`);
  if (!faq) say(`ru_vtb_faq is not in ${data}: skipped`);
  const figures = heads.flatMap((head) => [
    ...["en", "ru", "de"].flatMap((language) =>
      figuresOf(`own messages, ${language}: ${head}`, heldOut.figures[head]?.[`own-${language}`]),
    ),
    ...["en", "de"].flatMap((language) => {
      const bySet = tickets?.figures[head === "department" ? "queue" : head];
      const sure = `${language}, 0.95 and more`;
      return [
        ...figuresOf(`foreign tickets, ${language}: ${head}`, bySet?.[language]),
        ...appliedOf(`foreign tickets, ${sure}: ${head}`, bySet?.[sure]),
      ];
    }),
    ...figuresOf(`foreign questions, ru: ${head}`, faq?.figures[head]),
  ]);
  return [
    ...figures,
    ...(heldOut.auroc === null ? [] : [share("held out: AUROC of outOfScope", heldOut.auroc)]),
    ...(tickets
      ? [share("foreign tickets: language right", tickets.languages.right / tickets.languages.of)]
      : []),
    ...(faq ? [share("foreign questions: language right", faq.russian)] : []),
  ];
}

function figuresOf(name: string, figures: Figures | undefined): Figure[] {
  if (!figures) return [];
  return [
    { name: `${name}: texts judged`, value: figures.rows, unit: "texts" },
    share(`${name}: right`, figures.accuracy),
    share(`${name}: macro-F1`, figures.macroF1),
    share(`${name}: calibration error`, figures.ece),
    ...appliedOf(name, figures),
  ];
}

function appliedOf(name: string, figures: Figures | undefined): Figure[] {
  if (!figures) return [];
  return [
    share(`${name}: applied`, figures.coverage),
    share(`${name}: right of the applied`, figures.precision),
    share(`${name}: majority of the applied`, figures.majority),
    { ...share(`${name}: gain over it`, figures.gain), goal: gainGoal },
    share(`${name}: margin of the gain`, figures.margin),
  ];
}

const share = (name: string, value: number): Figure => ({ name, value, unit: "share" });
