/** The messages that benchmarks send: about 600 characters each, as a usual e-mail has. */

const subjects = [
  "Charged twice this month",
  "I cannot sign in",
  "Question about plans",
  "URGENT: the shop is down",
];

const questions = [
  "I was charged twice for the same order and would like to have the second payment back. ",
  "Since this morning I cannot sign in, and the mail to reset the password never arrives. ",
  "We are a team of twelve and would like to know which plan suits us, and whether there is a discount. ",
  "Our whole shop is down and customers are calling us: please treat this as urgent, and call me back. ",
];

const filler =
  "We have been with you for about three years and have been quite happy in general. I have attached what I saw on the " +
  "screen and can send more if that helps you. Please let me know what comes next and how long it will take, since my " +
  "manager asks me about it every day. Many thanks for your help, and kind regards from the whole team here. ";

/** Six digits for each message of a run, so that ids sort as they were sent. */
export function idOf(prefix: string, index: number): string {
  return `${prefix}-${String(index).padStart(6, "0")}`;
}

/** The text ends with the message's id, by which the stub of the LLM tells messages apart. */
export function messageOf(externalId: string, index: number) {
  const kind = index % questions.length;
  const text = (questions[kind] + filler.repeat(2)).slice(0, 580);
  return {
    externalId,
    subject: subjects[kind],
    text: `${text} [ref:${externalId}]`,
    requester: { name: `Person ${index}`, email: `person-${index}@example.com` },
  };
}
