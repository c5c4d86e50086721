/** Claims have an owner: nodes that share a database must not extend or give back what another one has taken over. */
import type { Knex } from "knex";

export async function up(knex: Knex): Promise<void> {
  // Not in an index: to claim a message must stay an update within its page.
  await knex.raw("ALTER TABLE progress ADD COLUMN claimed_by uuid");
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw("ALTER TABLE progress DROP COLUMN claimed_by");
}
