// Data on its way into a row: defaults, onUpdate and the application's own transforms, in the
// order Better Auth's factory applies them.

import { withApplyDefault } from "@better-auth/core/db/adapter";
import { encodeData } from "./values.js";

/**
 * @typedef {import("./models.js").Model} Model
 * @typedef {import("./models.js").Models} Models
 * @typedef {import("./models.js").Field} Field
 * @typedef {import("@better-auth/core/db").DBFieldAttribute} DBFieldAttribute
 */

/**
 * The columns a call sets, and to what.
 *
 * @typedef {object} Assignments
 * @property {Field[]} fields
 * @property {unknown[]} values Encoded.
 */

/**
 * What Better Auth's factory would store for `data`. A promise only where a transform returns one.
 *
 * @param {Models} models
 * @param {Model} model
 * @param {Record<string, unknown>} data
 * @param {"create" | "update"} action
 * @param {boolean} forceAllowId
 * @returns {Assignments | Promise<Assignments>}
 */
export function resolveInput(models, model, data, action, forceAllowId) {
  const id = models.idAttributes(model, forceAllowId && "id" in data);
  let pending = false;
  const resolved = model.list.map((field) => {
    const attributes = field === model.id ? id : field.attributes;
    const value = resolveField(field, attributes, data[field.name], action);
    pending ||= typeof (/** @type {any} */ (value)?.then) === "function";
    return value;
  });
  if (!pending) return encodeFields(model, resolved);
  return Promise.all(resolved).then((values) => encodeFields(model, values));
}

/**
 * @param {Field} field
 * @param {DBFieldAttribute} attributes
 * @param {any} value
 * @param {"create" | "update"} action
 */
function resolveField(field, attributes, value, action) {
  if (value === undefined && !fillsIn(attributes, action)) return undefined;
  const given = field.kind === "date" && typeof value === "string" ? new Date(value) : value;
  const filled = withApplyDefault(given, attributes, action);
  return attributes.transform?.input ? attributes.transform.input(filled) : filled;
}

/**
 * Whether a field gets a value although the caller passes none.
 *
 * @param {DBFieldAttribute} attributes
 * @param {"create" | "update"} action
 */
function fillsIn(attributes, action) {
  if (action === "update") return Boolean(attributes.onUpdate);
  return attributes.defaultValue !== undefined || Boolean(attributes.transform?.input);
}

/**
 * @param {Model} model
 * @param {any[]} values One per field, undefined where the column is left alone.
 * @returns {Assignments}
 */
function encodeFields(model, values) {
  /** @type {Assignments} */
  const assignments = { fields: [], values: [] };
  for (const field of model.list) {
    let value = values[field.position];
    if (value === undefined) continue;
    if (field.numericId && value !== null) value = Number(value);
    assignments.fields.push(field);
    assignments.values.push(encodeData(field, value));
  }
  return assignments;
}

/**
 * Data the factory has resolved already, keyed by column.
 *
 * @param {Model} model
 * @param {Record<string, unknown>} data
 * @returns {Assignments}
 */
export function resolvedInput(model, data) {
  const present = Object.entries(data).filter(([, value]) => value !== undefined);
  const fields = present.map(([column]) => model.fieldOfColumn(column));
  return { fields, values: fields.map((field, index) => encodeData(field, present[index][1])) };
}
