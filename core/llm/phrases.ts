/** The phrases of the offline drafter, per language. They promise nothing and state no facts. */

/** What a greeting or an acknowledgement goes by: made from the labels. */
export type Mood = "urgent" | "trouble" | "plain";

export interface Phrases {
  greeting: string;
  greetingTo: (name: string) => string;
  /** One sentence that shows that the message was understood for what it is. */
  acknowledge: Record<Mood, string>;
  /** Before the text of an article. */
  answer: string;
  /** Before the text of an article in another language, whose name stands in `language`. */
  otherLanguage: (language: string) => string;
  /** Before the address of an article. */
  more: string;
  /** After the text of an article. */
  stillOpen: string;
  /** Where nothing fits: says so, asks for what is missing. */
  holding: string;
  /** Stands for the subject of a ticket that has none. */
  noSubject: string;
  closing: string;
}

export const phrases: Readonly<Record<string, Phrases>> = {
  en: {
    greeting: "Hello,",
    greetingTo: (name) => `Hello ${name},`,
    acknowledge: {
      urgent: "Thank you for your message. I can see that this is urgent for you.",
      trouble: "Thank you for your message. I am sorry that you are having trouble.",
      plain: "Thank you for your message.",
    },
    answer: "This is what we can tell you about it:",
    otherLanguage: (language) => `We have the following information only in another language (${language}):`,
    more: "More about this:",
    stillOpen: "If this does not answer your question, simply reply to this message.",
    holding:
      "A colleague needs to look at your question before we can answer it. If there is anything you have not mentioned yet, such as an order number, what exactly happened and when, or a screenshot, please reply to this message with it.",
    noSubject: "your message",
    closing: "Kind regards",
  },
  ru: {
    greeting: "Здравствуйте!",
    greetingTo: (name) => `Здравствуйте, ${name}!`,
    acknowledge: {
      urgent: "Спасибо за ваше сообщение. Мы видим, что вопрос срочный.",
      trouble: "Спасибо за ваше сообщение. Нам жаль, что возникли трудности.",
      plain: "Спасибо за ваше сообщение.",
    },
    answer: "Вот что мы можем сообщить по вашему вопросу:",
    otherLanguage: (language) => `Эти сведения есть у нас только на другом языке (${language}):`,
    more: "Подробнее:",
    stillOpen: "Если это не отвечает на ваш вопрос, просто ответьте на это сообщение.",
    holding:
      "Прежде чем ответить, нашему сотруднику нужно разобраться в вашем вопросе. Если вы ещё не указали что-то важное, например номер заказа, что именно и когда произошло, или снимок экрана, пришлите это, пожалуйста, в ответ на это сообщение.",
    noSubject: "ваше обращение",
    closing: "С уважением,",
  },
  de: {
    greeting: "Guten Tag,",
    greetingTo: (name) => `Guten Tag ${name},`,
    acknowledge: {
      urgent: "vielen Dank für Ihre Nachricht. Ich sehe, dass Ihr Anliegen dringend ist.",
      trouble: "vielen Dank für Ihre Nachricht. Es tut mir leid, dass Sie Schwierigkeiten haben.",
      plain: "vielen Dank für Ihre Nachricht.",
    },
    answer: "Das können wir Ihnen dazu sagen:",
    otherLanguage: (language) =>
      `Die folgenden Informationen haben wir nur in einer anderen Sprache (${language}):`,
    more: "Mehr dazu:",
    stillOpen: "Sollte Ihre Frage damit nicht beantwortet sein, antworten Sie einfach auf diese Nachricht.",
    holding:
      "Bevor wir antworten können, muss sich eine Kollegin oder ein Kollege Ihr Anliegen ansehen. Falls Sie etwas noch nicht erwähnt haben, etwa die Bestellnummer, was genau wann passiert ist, oder einen Screenshot, senden Sie es uns bitte als Antwort auf diese Nachricht.",
    noSubject: "Ihre Nachricht",
    closing: "Mit freundlichen Grüßen",
  },
  es: {
    greeting: "Hola:",
    greetingTo: (name) => `Hola, ${name}:`,
    acknowledge: {
      urgent: "Gracias por su mensaje. Vemos que es un asunto urgente.",
      trouble: "Gracias por su mensaje. Lamentamos que haya tenido dificultades.",
      plain: "Gracias por su mensaje.",
    },
    answer: "Esto es lo que podemos decirle al respecto:",
    otherLanguage: (language) => `Solo tenemos la siguiente información en otro idioma (${language}):`,
    more: "Más información:",
    stillOpen: "Si esto no responde a su pregunta, simplemente conteste a este mensaje.",
    holding:
      "Antes de responderle, una persona de nuestro equipo tiene que revisar su consulta. Si aún no ha mencionado algo, como el número de pedido, qué ocurrió exactamente y cuándo, o una captura de pantalla, envíenoslo en respuesta a este mensaje.",
    noSubject: "su mensaje",
    closing: "Un cordial saludo",
  },
  fr: {
    greeting: "Bonjour,",
    greetingTo: (name) => `Bonjour ${name},`,
    acknowledge: {
      urgent: "Merci pour votre message. Nous voyons que votre demande est urgente.",
      trouble: "Merci pour votre message. Nous sommes désolés que vous rencontriez des difficultés.",
      plain: "Merci pour votre message.",
    },
    answer: "Voici ce que nous pouvons vous dire à ce sujet :",
    otherLanguage: (language) =>
      `Nous n'avons les informations suivantes que dans une autre langue (${language}) :`,
    more: "En savoir plus :",
    stillOpen: "Si cela ne répond pas à votre question, répondez simplement à ce message.",
    holding:
      "Avant de vous répondre, un membre de notre équipe doit examiner votre demande. Si vous n'avez pas encore indiqué certains éléments, comme le numéro de commande, ce qui s'est passé exactement et quand, ou une capture d'écran, envoyez-les en réponse à ce message.",
    noSubject: "votre message",
    closing: "Cordialement",
  },
  pt: {
    greeting: "Olá,",
    greetingTo: (name) => `Olá, ${name},`,
    acknowledge: {
      urgent: "Obrigado pela sua mensagem. Vemos que o assunto é urgente.",
      trouble: "Obrigado pela sua mensagem. Lamentamos que esteja a ter dificuldades.",
      plain: "Obrigado pela sua mensagem.",
    },
    answer: "Isto é o que podemos dizer a esse respeito:",
    otherLanguage: (language) => `Só temos as seguintes informações noutra língua (${language}):`,
    more: "Mais informações:",
    stillOpen: "Se isto não responder à sua pergunta, basta responder a esta mensagem.",
    holding:
      "Antes de responder, um colega precisa de analisar a sua questão. Se ainda não mencionou algo, como o número da encomenda, o que aconteceu exatamente e quando, ou uma captura de ecrã, envie-nos em resposta a esta mensagem.",
    noSubject: "a sua mensagem",
    closing: "Com os melhores cumprimentos",
  },
};

/** The phrases of a language, English where there are none. */
export function phrasesFor(language: string | null): { language: string; phrases: Phrases } {
  const own = language === null ? undefined : phrases[language];
  const english = phrases.en as Phrases;
  return own && language ? { language, phrases: own } : { language: "en", phrases: english };
}
