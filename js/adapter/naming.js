// The two ways operations are called.
//
// `logical` is what callers of the adapter see: Better Auth's own names, with defaults and the
// application's transforms applied here. `physical` is what Better Auth's factory expects of the
// custom adapter inside it: columns, everything applied by the factory. Only what to select and to
// sort by has Better Auth's own names in both.

import { resolveInput, resolvedInput } from "./input.js";

/**
 * @typedef {import("./models.js").Model} Model
 * @typedef {import("./models.js").Models} Models
 * @typedef {import("./models.js").Field} Field
 * @typedef {import("./input.js").Assignments} Assignments
 */

/**
 * @typedef {object} Naming
 * @property {string} prefix Keeps the plans of the two apart.
 * @property {(model: Model, name: string) => Field} field
 * @property {(field: Field) => string} key The property of a row that holds the field.
 * @property {(models: Models, model: Model, data: Record<string, unknown>, action: "create" | "update", forceAllowId: boolean) => Assignments | Promise<Assignments>} input
 * @property {(models: Models, base: Model, join: Record<string, any>) => Join[]} joins
 * @property {boolean} transforms Whether output transforms are applied here, and fields that
 *   findMany does not select are there as undefined.
 */

/**
 * @typedef {object} Join
 * @property {string} key The property of a row that holds the joined rows.
 * @property {Model} model
 * @property {Field} from In the model that is searched.
 * @property {string} to Column of the joined table.
 * @property {boolean} single
 * @property {number} limit
 */

/** @type {Naming} */
export const logical = {
  prefix: "logical",
  field: (model, name) => model.field(name),
  key: (field) => field.name,
  input: resolveInput,
  joins: logicalJoins,
  transforms: true,
};

/** @type {Naming} */
export const physical = {
  prefix: "physical",
  field: (model, name) => model.fieldOfColumn(name),
  key: (field) => field.column,
  input: (_models, model, data) => resolvedInput(model, data),
  joins: physicalJoins,
  transforms: false,
};

/**
 * `{ account: true, session: { limit: 5 } }`, as callers write it.
 *
 * @param {Models} models
 * @param {Model} base
 * @param {Record<string, boolean | { limit?: number }>} join
 * @returns {Join[]}
 */
function logicalJoins(models, base, join) {
  /** @type {Join[]} */
  const joins = [];
  for (const name in join) {
    const option = join[name];
    if (!option) continue;
    const known = models.join(base, name);
    const limit = (typeof option === "object" ? option.limit : undefined) ?? known.limit;
    // Nearly always as it is known: making a copy per call costs more than the joined row.
    joins.push(limit === known.limit || known.single ? known : { ...known, limit });
  }
  return joins;
}

/**
 * As the factory hands it over, keyed by table.
 *
 * @param {Models} models
 * @param {Model} base
 * @param {import("@better-auth/core/db/adapter").JoinConfig} join
 * @returns {Join[]}
 */
function physicalJoins(models, base, join) {
  return Object.entries(join).map(([table, { modelKey, on, relation, limit }]) => ({
    key: table,
    model: models.get(modelKey ?? table),
    from: base.fieldOfColumn(on.from),
    to: on.to,
    single: relation === "one-to-one",
    limit: limit ?? models.defaultLimit,
  }));
}
