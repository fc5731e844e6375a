// Better Auth's models, resolved to the tables and columns of the database. Derived from the
// options once; every later question is a look-up.

import { getAuthTables } from "@better-auth/core/db";
import {
  initGetDefaultFieldName,
  initGetDefaultModelName,
  initGetIdField,
  initGetModelName,
} from "@better-auth/core/db/adapter";
import { BetterAuthError } from "@better-auth/core/error";
import { generateId } from "./ids.js";

/**
 * @typedef {import("@better-auth/core").BetterAuthOptions} BetterAuthOptions
 * @typedef {import("@better-auth/core/db").DBFieldAttribute} DBFieldAttribute
 * @typedef {"id" | "string" | "number" | "bigInt" | "boolean" | "date" | "json" | "stringList" | "numberList"} Kind
 */

/**
 * A field and its column.
 *
 * @typedef {object} Field
 * @property {string} name Better Auth's name.
 * @property {string} column
 * @property {Kind} kind What is stored.
 * @property {number} position Place in its model; part of the keys that plans are found by.
 * @property {DBFieldAttribute} attributes
 * @property {boolean} numericId Whether it holds ids that the database counts.
 * @property {boolean} unique Whether no two rows have the same value.
 */

/** @param {DBFieldAttribute} attributes @returns {Kind} */
function kindOf(attributes) {
  if (attributes.references?.field === "id") return "id";
  switch (attributes.type) {
    case "number":
      return attributes.bigint ? "bigInt" : "number";
    case "boolean":
    case "date":
    case "json":
      return attributes.type;
    case "string[]":
      return "stringList";
    case "number[]":
      return "numberList";
    default:
      return "string";
  }
}

export class Model {
  /** @type {Map<string, Field>} by Better Auth's name, the id last */
  fields = new Map();
  /** @type {Map<string, Field>} */
  columns = new Map();
  /** @type {Map<string, Field>} */
  #found = new Map();
  #getDefaultFieldName;

  /**
   * @param {object} definition
   * @param {string} definition.key Better Auth's name, the key in its schema.
   * @param {string} definition.table
   * @param {number} definition.position
   * @param {Record<string, DBFieldAttribute>} definition.fields
   * @param {boolean} definition.numericIds
   * @param {(names: { field: string, model: string }) => string} getDefaultFieldName
   */
  constructor({ key, table, position, fields, numericIds }, getDefaultFieldName) {
    this.key = key;
    this.table = table;
    this.position = position;
    this.#getDefaultFieldName = getDefaultFieldName;
    for (const [name, attributes] of Object.entries(fields)) {
      if (name !== "id") this.#add(name, kindOf(attributes), attributes, numericIds);
    }
    this.id = this.#add("id", "id", { type: numericIds ? "number" : "string" }, numericIds);
    this.list = [...this.fields.values()];
    this.transformsOutput = this.list.some((field) => field.attributes.transform?.output);
  }

  /**
   * @param {string} name
   * @param {Kind} kind
   * @param {DBFieldAttribute} attributes
   * @param {boolean} numericIds
   */
  #add(name, kind, attributes, numericIds) {
    const column = attributes.fieldName || name;
    const position = this.fields.size;
    const numericId = numericIds && kind === "id";
    const unique = name === "id" || attributes.unique === true;
    const field = { name, column, kind, position, attributes, numericId, unique };
    this.fields.set(name, field);
    this.columns.set(column, field);
    return field;
  }

  /**
   * The field of that name, or with that column.
   *
   * @param {string} name
   */
  field(name) {
    const known = this.#found.get(name);
    if (known) return known;
    const field = this.fields.get(this.#getDefaultFieldName({ field: name, model: this.key }));
    if (!field) throw new BetterAuthError(`Field ${name} not found in model ${this.key}`);
    this.#found.set(name, field);
    return field;
  }

  /**
   * The field with that column, or of that name.
   *
   * @param {string} column
   */
  fieldOfColumn(column) {
    return this.columns.get(column) ?? this.field(column);
  }
}

/**
 * How two models are joined; the same for every call.
 *
 * @typedef {object} Relation
 * @property {Model} model
 * @property {Field} from In the model that is searched.
 * @property {string} to Column of the joined table.
 * @property {boolean} single Whether there is one row at most.
 */

export class Models {
  /** @type {Map<string, Model>} */
  #models = new Map();
  /** @type {Map<string, import("./naming.js").Join>} */
  #joins = new Map();
  /** @type {Map<string, import("@better-auth/core/db").DBFieldAttribute>} */
  #idFields = new Map();
  #getDefaultModelName;

  /**
   * @param {BetterAuthOptions} options
   * @param {boolean} usePlural
   */
  constructor(options, usePlural) {
    const schema = getAuthTables(options);
    const names = { schema, usePlural };
    this.schema = schema;
    this.options = options;
    this.numericIds = options.advanced?.database?.generateId === "serial";
    this.defaultLimit = options.advanced?.database?.defaultFindManyLimit ?? 100;
    this.#getDefaultModelName = initGetDefaultModelName(names);
    const getModelName = initGetModelName(names);
    const getDefaultFieldName = initGetDefaultFieldName(names);
    for (const [position, key] of Object.keys(schema).entries()) {
      const definition = {
        key,
        table: getModelName(key),
        position,
        fields: schema[key].fields,
        numericIds: this.numericIds,
      };
      this.#models.set(key, new Model(definition, getDefaultFieldName));
    }
    this.all = [...this.#models.values()];
    this.getIdField = initGetIdField({ ...names, options, customIdGenerator: generateId });
  }

  /**
   * The model of that name: Better Auth's, the table's, or its plural.
   *
   * @param {string} name
   */
  get(name) {
    const known = this.#models.get(name);
    if (known?.key === name) return known;
    return this.#resolve(name);
  }

  /** @param {string} name */
  #resolve(name) {
    const model = this.#models.get(this.#getDefaultModelName(name));
    if (!model) throw new BetterAuthError(`Model "${name}" not found in schema`);
    return model;
  }

  /**
   * How the id of a new row comes to be, as the factory's own id field tells.
   *
   * @param {Model} model
   * @param {boolean} forceAllowId
   * @returns {DBFieldAttribute}
   */
  idAttributes(model, forceAllowId) {
    const key = `${model.key} ${forceAllowId}`;
    let attributes = this.#idFields.get(key);
    if (!attributes) {
      attributes = /** @type {DBFieldAttribute} */ (
        this.getIdField({ customModelName: model.key, forceAllowId })
      );
      this.#idFields.set(key, attributes);
    }
    return attributes;
  }

  /**
   * The join of `base` with `joined`, as callers ask for it with `true`.
   *
   * @param {Model} base
   * @param {string} joined
   */
  join(base, joined) {
    const key = `${base.key} ${joined}`;
    let join = this.#joins.get(key);
    if (!join) {
      const relation = this.#findRelation(base, this.get(joined));
      join = { ...relation, key: joined, limit: relation.single ? 1 : this.defaultLimit };
      this.#joins.set(key, join);
    }
    return join;
  }

  /**
   * How `joined` belongs to `base`, by the one foreign key between them.
   *
   * @param {Model} base
   * @param {Model} joined
   * @returns {Relation}
   */
  #findRelation(base, joined) {
    const forward = this.#references(joined, base);
    const keys = forward.length > 0 ? forward : this.#references(base, joined);
    if (keys.length !== 1) {
      const found = keys.length === 0 ? "No foreign key" : "Multiple foreign keys";
      throw new BetterAuthError(
        `${found} found for model ${joined.key} and base model ${base.key} while performing join operation.`,
      );
    }
    const [foreignKey] = keys;
    const referenced = /** @type {{ field: string }} */ (foreignKey.attributes.references).field;
    const [from, to] =
      forward.length > 0
        ? [base.field(referenced), foreignKey.column]
        : [foreignKey, joined.field(referenced).column];
    return {
      model: joined,
      from,
      to,
      single: to === "id" || (foreignKey.attributes.unique ?? false),
    };
  }

  /**
   * The fields of `child` that refer to `parent`.
   *
   * @param {Model} child
   * @param {Model} parent
   */
  #references(child, parent) {
    return child.list.filter(
      ({ attributes: { references } }) =>
        references && this.#getDefaultModelName(references.model) === parent.key,
    );
  }
}
