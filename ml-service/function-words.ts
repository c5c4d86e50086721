/** Tells English and German by their function words, where there are so many of them that no neighbour is possible. */

const lists = {
  en: `a about after all an and any are as at be because been but by can cannot could did do does for from get had has have how i
    i'm i've if in is it it's its just me my need no not now of on or our out please should since so that the their them there they
    this to up us was we were what when where which who why will with would you your`,
  de: `aber als am an auch auf aus bei bin bitte da das dass dem den der des die diese dieser durch ein eine einem einen einer er es
    für gibt habe haben hat ich ihnen ihr ihre ihren im in ist kann können mein meine mich mir mit nach nicht noch nur oder seit
    sich sie sind so über um und uns unser unsere unserer von vor war warum was wenn wie wir wird wo wurde zu zum zur`,
};
type Language = keyof typeof lists;

const languages = Object.keys(lists) as Language[];
const languageOf = new Map<string, Language | "both">();
for (const language of languages)
  for (const word of lists[language].split(/\s+/))
    languageOf.set(word, languageOf.has(word) ? "both" : language);

/** Fewer function words than this may be a coincidence, and so may a smaller share of the words. */
const enough = { words: 5, share: 0.3 };

/**
 * @param text in lower case
 * @returns ISO 639-1, or null where other means have to tell
 */
export function languageByFunctionWords(text: string): Language | null {
  const words = text.match(/[\p{L}'’]+/gu) ?? [];
  const counts = { en: 0, de: 0, both: 0 };
  for (const word of words) {
    const language = languageOf.get(word);
    if (language) counts[language]++;
  }
  for (const language of languages) {
    const own = counts[language];
    const others = counts.en + counts.de - own;
    if (own >= enough.words && own >= words.length * enough.share && others * 4 <= own) return language;
  }
  return null;
}
