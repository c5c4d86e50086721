/** Where events come from. */

/** A connector of a company. */
export interface Source {
  company: string;
  /** The connector's key in the company's file. */
  connector: string;
}
