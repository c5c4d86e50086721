import { expect, test } from "vitest";
import { languageByFunctionWords } from "./function-words.ts";

test.each([
  [
    "en",
    "i was charged twice for the same order and would like to have the second payment back, since it was one pair of boots",
  ],
  ["en", "where is my parcel? it should have been here on monday"],
  [
    "de",
    "ich habe die bestellung am montag bezahlt und sie ist noch nicht da, können sie mir sagen, wo sie ist?",
  ],
  ["de", "wie kann ich mein passwort ändern, wenn ich mich nicht anmelden kann"],
])("a usual text in %s is told: %s", (language, text) => {
  expect(languageByFunctionWords(text)).toBe(language);
});

test.each([
  [
    "nl",
    "waar is mijn bestelling? het was op maandag en ik had het in de app, of is er iets mis met de betaling? ik wil het van u weten",
  ],
  [
    "nl",
    "we hebben dit al in maart besteld, wat was er mis en is het nu in orde, of had u het over de week er op",
  ],
  ["af", "die pakkie is nog nie hier nie, en ek was in die winkel en my vriend was by die huis in die week"],
  [
    "da",
    "hvor er min pakke? den skulle have været her i mandags, og jeg har ikke fået den endnu, kan i hjælpe mig med det",
  ],
  [
    "no",
    "hvor er pakken min? den skulle ha vært her på mandag, men jeg har ikke fått den ennå, kan du hjelpe meg",
  ],
  [
    "sv",
    "var är mitt paket? det skulle ha varit här i måndags men jag har inte fått det än, kan ni hjälpa mig",
  ],
  [
    "lb",
    "wou ass mäi pak? et sollt e méindeg hei sinn an ech hunn et nach net kritt, kënnt dir mir hëllefen",
  ],
  ["fr", "où est mon colis ? il devait arriver lundi et je ne l'ai pas encore reçu, pouvez-vous m'aider"],
  ["es", "¿dónde está mi pedido? debía llegar el lunes y no lo he recibido, ¿me pueden ayudar con el envío?"],
  ["it", "dove si trova il mio pacco? doveva arrivare lunedì e non l'ho ancora ricevuto, mi potete aiutare"],
  ["pt", "onde está a minha encomenda? devia chegar na segunda-feira e ainda não a recebi, podem ajudar-me"],
  [
    "two languages",
    "where is my order and when will it be here, ich habe sie am montag bezahlt und sie ist noch nicht da",
  ],
  ["few words", "refund please, order 4711"],
])("a text in %s is left to other means: %s", (_, text) => {
  expect(languageByFunctionWords(text)).toBeNull();
});
