// The schema an application wants, from its Better Auth options, as the core takes it.

import { getDatabaseIndexName } from "@better-auth/core/db/internal";
import { Models } from "./adapter/models.js";

/**
 * @typedef {import("@better-auth/core").BetterAuthOptions} BetterAuthOptions
 * @typedef {import("./adapter/models.js").Model} Model
 * @typedef {import("./adapter/models.js").Field} Field
 */

/**
 * @param {BetterAuthOptions} options
 * @param {boolean} usePlural
 */
export function desiredSchema(options, usePlural) {
  const models = new Models(options, usePlural);
  const migrated = models.all.filter((model) => !models.schema[model.key].disableMigrations);
  return {
    id: idKind(options),
    tables: merged(migrated.sort(byOrder(models)).map((model) => tableOf(models, model))),
  };
}

/** @param {BetterAuthOptions} options */
function idKind(options) {
  const generateId = options.advanced?.database?.generateId;
  if (generateId === "serial" || generateId === "uuid") return generateId;
  return generateId === false ? "generated" : "text";
}

/** @param {Models} models @returns {(one: Model, other: Model) => number} */
function byOrder({ schema }) {
  return (one, other) => (schema[one.key].order ?? Infinity) - (schema[other.key].order ?? Infinity) || 0;
}

/**
 * @param {Models} models
 * @param {Model} model
 */
function tableOf(models, model) {
  const fields = model.list.filter((field) => field !== model.id);
  return {
    name: model.table,
    columns: fields.map((field) => columnOf(models, field)),
    indexes: [...fieldIndexes(model, fields), ...tableIndexes(models, model)],
  };
}

/**
 * @param {Models} models
 * @param {Field} field
 */
function columnOf(models, { column, kind, attributes }) {
  return {
    name: column,
    kind,
    required: attributes.required !== false,
    references: referenceOf(models, attributes.references),
    default: defaultOf(attributes),
  };
}

/**
 * @param {Models} models
 * @param {{ model: string, field: string, onDelete?: string } | undefined} reference
 */
function referenceOf(models, reference) {
  if (!reference) return null;
  const parent = models.get(reference.model);
  return {
    table: parent.table,
    column: parent.field(reference.field).column,
    onDelete: reference.onDelete ?? "cascade",
  };
}

/**
 * What rows that exist get when the column is added. Functions are called for new rows only, and
 * an optional unique field must not get the same value everywhere.
 *
 * @param {import("@better-auth/core/db").DBFieldAttribute} attributes
 */
function defaultOf({ defaultValue, unique, required }) {
  if (unique && required === false) return null;
  const literal = ["string", "number", "boolean"].includes(typeof defaultValue);
  return literal ? defaultValue : null;
}

/**
 * @param {Model} model
 * @param {Field[]} fields
 */
function fieldIndexes(model, fields) {
  return fields
    .filter(({ attributes }) => attributes.unique || attributes.index)
    .map(({ column, attributes }) => indexOn(model.table, [column], attributes.unique ?? false));
}

/**
 * @param {Models} models
 * @param {Model} model
 */
function tableIndexes({ schema }, model) {
  return (schema[model.key].indexes ?? []).map(({ fields, unique = false, name }) =>
    indexOn(model.table, fields.map((field) => model.field(field).column), unique, name),
  );
}

/**
 * @param {string} table
 * @param {string[]} columns
 * @param {boolean} unique
 * @param {string} [name]
 */
function indexOn(table, columns, unique, name) {
  const fields = /** @type {[string, ...string[]]} */ (columns);
  return { name: getDatabaseIndexName(table, { fields, unique, name }), columns, unique };
}

/**
 * Models that share a table are one table with the columns of all.
 *
 * @param {ReturnType<typeof tableOf>[]} tables
 */
function merged(tables) {
  /** @type {Map<string, ReturnType<typeof tableOf>>} */
  const byName = new Map();
  for (const table of tables) {
    const known = byName.get(table.name);
    if (!known) {
      byName.set(table.name, table);
      continue;
    }
    const names = new Set(known.columns.map(({ name }) => name));
    known.columns.push(...table.columns.filter(({ name }) => !names.has(name)));
    known.indexes.push(...table.indexes);
  }
  return [...byName.values()];
}
