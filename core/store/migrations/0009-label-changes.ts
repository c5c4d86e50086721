/** With which labels each company was last trained for: where the config's are others, a training is due. */
import type { Knex } from "knex";

export async function up(knex: Knex): Promise<void> {
  await knex.raw("ALTER TABLE trainings ADD COLUMN labels text");
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw("ALTER TABLE trainings DROP COLUMN labels");
}
