// Who may log in to the servers.

/** An ordinary user, who may make databases. */
export const user = "tester";

/** Somebody who may read: on MySQL and MariaDB every test's database, on PostgreSQL what is granted. */
export const reader = "reader";

/** Of everybody. Not what a URL can hold as it is. */
export const password = "open:sesame?";

/** A database that is there from the start. */
export const database = "tester";

/**
 * @param {string} scheme
 * @param {string} name of the user
 * @param {number} port
 */
export function urlOf(scheme, name, port) {
  return `${scheme}://${name}:${encodeURIComponent(password)}@127.0.0.1:${port}/${database}`;
}
