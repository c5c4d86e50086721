/** Readable rules that raise the priority, whatever the model says: a company must be able to see why. */

export interface PriorityRule {
  readonly name: string;
  /** The priority is at least this. */
  readonly raisesTo: "high" | "urgent";
  /**
   * Phrases in lower case, without punctuation ("don t", "api"). A star at the end of a word stands for any ending, a
   * bare star for one word or none.
   */
  readonly phrases: Readonly<Record<"en" | "ru" | "de", readonly string[]>>;
}

export const priorityRules: readonly PriorityRule[] = [
  {
    name: "outage",
    raisesTo: "urgent",
    phrases: {
      en: [
        "outage",
        "is * down since",
        "system is down",
        "site is down",
        "website is down",
        "server is down",
        "service is down",
        "api is down",
        "platform is down",
        "network is down",
        "production is down",
        "completely down",
        "completely offline",
        "nobody can work",
        "no one can work",
        "none of our users can",
        "all users are affected",
        "all our users",
        "all customers are affected",
        "whole company is",
      ],
      ru: [
        "сайт лежит",
        "сайт не работает",
        "сервер лежит",
        "сервер не работает",
        "сервис недоступен",
        "сервис не работает",
        "система не работает",
        "система лежит",
        "прод лежит",
        "ничего не работает",
        "полный отказ",
        "никто не может работать",
        "все пользователи",
        "работа встала",
        "у всей компании",
        "у всего офиса",
        "авария",
      ],
      de: [
        "ausgefallen",
        "totalausfall",
        "systemausfall",
        "serverausfall",
        "nicht erreichbar",
        "steht still",
        "steht alles still",
        "niemand kann arbeiten",
        "keiner kann arbeiten",
        "alle nutzer sind betroffen",
        "alle kunden sind betroffen",
      ],
    },
  },
  {
    name: "security",
    raisesTo: "urgent",
    phrases: {
      en: [
        "hacked",
        "data breach",
        "data leak",
        "security breach",
        "security incident",
        "ransomware",
        "cyberattack*",
        "cyber attack*",
        "stolen card",
        "card was stolen",
        "card has been stolen",
        "phone was stolen",
        "identity theft",
        "unauthori*ed access",
        "fraudulent",
      ],
      ru: [
        "взломали",
        "взлом",
        "взломан*",
        "утечка данных",
        "утечку данных",
        "утечка персональных",
        "шифровальщик",
        "украли карту",
        "карту украли",
        "мошенническ*",
        "кибератак*",
        "чужие данные",
        "данные другого клиента",
      ],
      de: [
        "gehackt",
        "datenleck",
        "datenpanne",
        "datenschutzverletzung",
        "sicherheitsvorfall",
        "verschlüsselungstrojaner",
        "ransomware",
        "cyberangriff*",
        "karte gestohlen",
        "karte wurde gestohlen",
        "identitätsdiebstahl",
        "unbefugte* zugriff",
      ],
    },
  },
  {
    name: "payment failed",
    raisesTo: "high",
    phrases: {
      en: [
        "charged twice",
        "double charge*",
        "charged two times",
        "duplicate charge",
        "duplicate payment",
        "payment fail*",
        "payment was declined",
        "payment is declined",
        "payment declined",
        "cannot pay",
        "can t pay",
        "unable to pay",
        "overcharged",
        "without my permission",
      ],
      ru: [
        "дважды списал*",
        "списали дважды",
        "списали два раза",
        "двойное списание",
        "повторное списание",
        "оплата не проходит",
        "платеж не проходит",
        "платеж отклон*",
        "не могу оплатить",
        "не получается оплатить",
        "без моего согласия",
      ],
      de: [
        "doppelt abgebucht",
        "zweimal abgebucht",
        "doppelte abbuchung",
        "zahlung schlägt fehl",
        "zahlung fehlgeschlagen",
        "zahlung wird abgelehnt",
        "zahlung wurde abgelehnt",
        "kann nicht bezahlen",
        "ohne meine zustimmung",
      ],
    },
  },
  {
    name: "legal threat",
    raisesTo: "high",
    phrases: {
      en: [
        "my lawyer",
        "a lawyer",
        "our lawyer*",
        "my attorney",
        "legal action",
        "take you to court",
        "go to court",
        "sue you",
        "consumer protection",
        "data protection authority",
        "small claims",
        "file a lawsuit",
      ],
      ru: [
        "подам в суд",
        "подавать в суд",
        "в суд",
        "через суд",
        "роспотребнадзор*",
        "роскомнадзор*",
        "прокуратур*",
        "мой юрист",
        "моему юристу",
        "юристу",
        "адвокат*",
        "досудебн* претензи*",
        "исков* заявлени*",
      ],
      de: [
        "mein anwalt",
        "meinen anwalt",
        "meinem anwalt",
        "einen anwalt",
        "rechtsanwalt*",
        "rechtliche schritte",
        "vor gericht",
        "verbraucherzentrale",
        "verbraucherschutz",
        "datenschutzbehörde",
        "klage einreichen",
        "anzeige erstatten",
      ],
    },
  },
  {
    name: "deadline",
    raisesTo: "high",
    phrases: {
      en: [
        "by tomorrow",
        "before tomorrow",
        "by today",
        "until tomorrow",
        "deadline",
        "by end of day",
        "by the end of the day",
        "within the hour",
        "within an hour",
        "today at the latest",
        "expires today",
        "expires tomorrow",
      ],
      ru: [
        "до завтра",
        "к завтрашнему",
        "до конца дня",
        "сегодня до",
        "не позднее",
        "крайний срок",
        "дедлайн*",
        "в течение часа",
        "сегодня последний день",
        "срок истекает",
      ],
      de: [
        "bis morgen",
        "bis heute",
        "noch heute",
        "frist endet",
        "frist läuft",
        "spätestens",
        "innerhalb einer stunde",
        "in einer stunde",
        "läuft heute ab",
        "läuft morgen ab",
        "abgabetermin",
      ],
    },
  },
  {
    name: "said to be urgent",
    raisesTo: "high",
    phrases: {
      en: [
        "urgent",
        "urgently",
        "asap",
        "as soon as possible",
        "immediately",
        "right away",
        "emergency",
        "critical",
      ],
      ru: [
        "срочно",
        "срочный",
        "срочная",
        "срочное",
        "очень срочно",
        "немедленно",
        "как можно скорее",
        "как можно быстрее",
        "критично",
      ],
      de: [
        "dringend",
        "dringende*",
        "eilt",
        "sofort",
        "umgehend",
        "unverzüglich",
        "schnellstmöglich",
        "so schnell wie möglich",
        "notfall",
      ],
    },
  },
];

/** Words before a phrase that turn it round: "not urgent", "это не срочно", "eilt nicht". */
const negated = [
  " not urgent",
  " not * urgent",
  " isn t urgent",
  " no emergency",
  " не срочно",
  " не * срочно",
  " несрочно",
  " nicht dringend",
  " nicht * dringend",
  " eilt nicht",
  " eilt * nicht",
  " kein notfall",
];

const priorities = ["low", "normal", "high", "urgent"];
const compiled = priorityRules.map(({ name, raisesTo, phrases }) => ({
  name,
  raisesTo,
  pattern: compile(
    Object.values(phrases)
      .flat()
      .map((phrase) => ` ${phrase}`),
  ),
}));
const negation = compile(negated, "g");

/** @returns the rules that fire, and the highest priority that they ask for (null for none) */
export function applyPriorityRules(normal: string): { raisesTo: "high" | "urgent" | null; rules: string[] } {
  const words = ` ${normal.replaceAll("ё", "е").replace(/[^\p{L}\p{N}]+/gu, " ")} `;
  const text = words.replace(negation, " ");
  const fired = compiled.filter(({ pattern }) => pattern.test(text));
  const raisesTo = fired.reduce<"high" | "urgent" | null>(
    (highest, rule) =>
      highest && priorities.indexOf(highest) >= priorities.indexOf(rule.raisesTo) ? highest : rule.raisesTo,
    null,
  );
  return { raisesTo, rules: fired.map(({ name }) => name) };
}

function compile(phrases: readonly string[], flags = ""): RegExp {
  const sources = phrases.map((phrase) =>
    phrase
      .trim()
      .split(" ")
      .map((word) => (word === "*" ? "(?:[^ ]+ )?" : `${word.replaceAll("*", "[^ ]*")} `))
      .join(""),
  );
  // The last space is only looked at: it may begin the next phrase.
  return new RegExp(` (?:${sources.map((source) => source.replace(/ $/, "(?= )")).join("|")})`, flags);
}
