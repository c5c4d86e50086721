/** What two companies might say of their labels in their config, in one sentence each. */
export const companies = {
  it_cc0: {
    Hardware:
      "Laptops, monitors, phones, printers and other devices: set-up, faults, replacement and returns.",
    "HR Support": "Joiners and leavers, holidays, leave, contracts, payroll and other matters of staff.",
    Access: "Log-in and access to applications, accounts, passwords, badges and permissions for somebody.",
    Miscellaneous: "Everything that belongs to no other department: general questions and information.",
    Storage: "Mailboxes, shared folders and disks that are full, backups and more space.",
    Purchase: "Buying and ordering: quotes, purchase orders, invoices, licences and deliveries.",
    "Internal Project": "Work on the company's own projects: project codes, tasks, tests and releases.",
    "Administrative rights":
      "Administrator rights on a computer, to install or upgrade software and change its settings.",
  },
  bitext8k: {
    ORDER: "Placing, changing, cancelling and tracking an order or purchase.",
    SHIPPING_ADDRESS: "Entering or changing the shipping address where a parcel goes to.",
    CANCELLATION_FEE: "The fee or penalty for cancelling early, or for leaving a contract.",
    INVOICE: "Seeing, downloading or getting invoices and bills.",
    PAYMENT: "Methods of payment that are accepted, and problems or errors when paying.",
    REFUND: "Money back: the refund policy, asking for a refund, and how far it is.",
    FEEDBACK: "Complaints, claims, reviews, opinions and comments on the service.",
    CONTACT: "Talking to customer service or a human agent, by phone, chat or e-mail, and its hours.",
    ACCOUNT: "Creating, editing, switching and deleting an account or profile, registration and passwords.",
    DELIVERY: "Options for delivery, where things are delivered to, how long it takes and when they arrive.",
    NEWSLETTER: "Subscribing to the newsletter, and cancelling the subscription.",
  },
} as const;
