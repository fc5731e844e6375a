// The schema an application wants, from its Better Auth options, as the core takes it.

import { getDatabaseIndexName } from "@better-auth/core/db/internal";
import { Models } from "../adapter/models.js";

/**
 * @typedef {import("@better-auth/core").BetterAuthOptions} BetterAuthOptions
 * @typedef {import("../adapter/models.js").Model} Model
 * @typedef {import("../adapter/models.js").Field} Field
 */

/**
 * What this package adds to Better Auth's tables; the option `migrations` of nativeAdapter.
 *
 * @typedef {object} Extras
 * @property {boolean} recommendedIndexes
 * @property {boolean} uniqueAccounts
 * @property {boolean} caseInsensitiveEmail
 * @property {boolean} updatedAtTriggers
 * @property {boolean} concurrentIndexes
 * @property {boolean} userSearch
 */

/**
 * @param {BetterAuthOptions} options
 * @param {boolean} usePlural
 * @param {Extras} extras
 */
export function desiredSchema(options, usePlural, extras) {
  const models = new Models(options, usePlural);
  const migrated = models.all.filter((model) => !models.schema[model.key].disableMigrations);
  const tables = migrated.sort(byOrder(models)).map((model) => tableOf(models, model, extras));
  return {
    id: idKind(options),
    tables: merged(tables),
    concurrentIndexes: extras.concurrentIndexes,
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
 * @param {Extras} extras
 */
function tableOf(models, model, extras) {
  const fields = model.list.filter((field) => field !== model.id);
  const declared = [...fieldIndexes(model, fields), ...tableIndexes(models, model)];
  const updatedAt = extras.updatedAtTriggers && model.fields.get("updatedAt");
  return {
    name: model.table,
    columns: fields.map((field) => columnOf(models, field)),
    indexes: [...declared, ...extraIndexes(model, extras)],
    touched: updatedAt ? updatedAt.column : null,
    search: extras.userSearch && model.key === "user" ? searchOf(model) : null,
  };
}

/** The index of the words by which users are searched for. @param {Model} model */
function searchOf(model) {
  const columns = ["name", "email"].map((name) => model.field(name).column);
  const fields = /** @type {[string, ...string[]]} */ (["search"]);
  return { name: getDatabaseIndexName(model.table, { fields }), columns };
}

/**
 * Where that index is, if there is one.
 *
 * @param {BetterAuthOptions} options
 * @param {boolean} usePlural
 */
export function searchIndexOf(options, usePlural) {
  const model = new Models(options, usePlural).get("user");
  return { table: model.table, ...searchOf(model) };
}

/**
 * What look-ups and clean-ups go by, by Better Auth's names: [model, fields].
 *
 * @type {[string, string[]][]}
 */
const RECOMMENDED = [
  ["user", ["createdAt"]],
  ["session", ["expiresAt"]],
  ["session", ["userId", "expiresAt"]],
  ["account", ["providerId", "accountId"]],
  ["verification", ["identifier"]],
  ["verification", ["expiresAt"]],
];

/**
 * @param {Model} model
 * @param {Extras} extras
 */
function extraIndexes(model, { recommendedIndexes, uniqueAccounts, caseInsensitiveEmail }) {
  /** @param {string[]} names @param {boolean} unique */
  const on = (names, unique) => {
    const columns = names.map((name) => model.fields.get(name)?.column ?? "");
    // An application may have done without one of them.
    return columns.includes("") ? [] : [indexOn(model.table, columns, unique)];
  };
  const recommended = RECOMMENDED.filter(([key]) => recommendedIndexes && key === model.key)
    .flatMap(([, names]) => on(names, false))
    .map((index) => ({ ...index, recommended: true }));
  // First, because it does what the recommended one is for.
  const accounts = uniqueAccounts && model.key === "account" ? on(["providerId", "accountId"], true) : [];
  const emails =
    caseInsensitiveEmail && model.key === "user"
      ? on(["email"], true).map((index) => ({ ...index, name: `${index.name}_ci`, folded: true }))
      : [];
  const covered = (/** @type {string[]} */ columns) =>
    accounts.some((index) => index.columns.join() === columns.join());
  return [...accounts, ...recommended.filter(({ columns }) => !covered(columns)), ...emails];
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
 * @returns {{ name: string, columns: string[], unique: boolean, folded?: boolean, recommended?: boolean }}
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
    known.search ??= table.search;
  }
  return [...byName.values()];
}
