/** The labels of the default model, each in one sentence; a company's own head may use others. */
export const labels = {
  type: {
    question: "Asks for information and expects an answer.",
    incident:
      "Something went wrong once or has just stopped working: an outage, a failed payment, a lost parcel.",
    problem: "A defect or difficulty that lasts or comes back, without one event behind it.",
    request: "Asks to have something done: a change, a cancellation, access, a document.",
    complaint: "Is dissatisfied with how the company behaves, beyond the matter itself.",
  },
  priority: {
    low: "Nobody is held up: a general question, thanks, a suggestion.",
    normal: "One person waits, without loss.",
    high: "Money, access or a deadline is at stake for somebody.",
    urgent: "Many are affected, a security matter is going on, or every minute costs.",
  },
  department: {
    billing: "Invoices, payments, charges, subscriptions, fees.",
    orders: "Placing, changing, cancelling and following orders before they are sent.",
    shipping: "Parcels, delivery times, addresses, carriers, damage and loss on the way.",
    returns: "Returns, refunds of returned goods, exchanges, warranty.",
    technical: "Faults and set-up of the product or service that the company sells.",
    account: "Customers' log-in, registration, profile, deletion of an account, newsletters.",
    sales: "Prices, quotes, plans, availability, demos, partnership before a purchase.",
    product: "What a product can do, how it is used, its quality, suggestions for it.",
    it: "The company's own computers, networks, printers, software and access for staff.",
    hr: "Leave, pay, applications, contracts and conduct of staff.",
    security: "Break-ins, fraud, phishing, lost cards, vulnerabilities, data protection.",
    general: "Opening hours, contact, thanks, praise and complaints about service, and all else.",
  },
} as const;

/** The head that tells support matters from small talk and the like; it is not shown as a label. */
export const scopeLabels = ["in", "out"] as const;

/** All heads with their labels, in the order in which a model keeps them. */
export const headLabels: Readonly<Record<string, readonly string[]>> = {
  type: Object.keys(labels.type),
  priority: Object.keys(labels.priority),
  department: Object.keys(labels.department),
  scope: scopeLabels,
};
