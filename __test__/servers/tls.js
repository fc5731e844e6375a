// Throwaway certificates, made by openssl's command line.

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { user } from "./accounts.js";
import { unpack } from "./debian.js";
import { findFolder, run } from "./program.js";
import { temporaryDirectory } from "./temporary.js";

/**
 * Files in PEM.
 *
 * @typedef {object} Certificates
 * @property {string} directory remove() it when done
 * @property {string} ca to be trusted
 * @property {Pair} server for localhost and 127.0.0.1
 * @property {Pair} elsewhere of the same CA, for another host
 * @property {Pair} client of the same CA, for the user of accounts.js
 * @property {string} strangeCa
 * @property {Pair} stranger for localhost and 127.0.0.1, of the CA nobody knows
 */

/** @typedef {{ cert: string, key: string }} Pair */

const HERE = "subjectAltName=DNS:localhost,IP:127.0.0.1";
const ELSEWHERE = "subjectAltName=DNS:elsewhere.example";

async function openssl() {
  if (findFolder("openssl")) return { command: "openssl", env: {} };
  const { root, libraries } = await unpack(["openssl"]);
  return { command: join(root, "usr/bin/openssl"), env: { LD_LIBRARY_PATH: libraries.join(":") } };
}

export async function install() {
  await openssl();
}

/** @returns {Promise<Certificates>} */
export async function makeCertificates() {
  const { command, env } = await openssl();
  const directory = await temporaryDirectory();
  const at = (/** @type {string} */ name) => join(directory, name);
  await writeFile(at("openssl.cnf"), "[req]\ndistinguished_name=name\n[name]\n");

  /** @param {string} name @param {string[]} more */
  const request = async (name, ...more) => {
    const made = { cert: at(`${name}.crt`), key: at(`${name}.key`) };
    const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    const to = ["-keyout", made.key, "-out", made.cert];
    const config = ["-config", at("openssl.cnf"), "-subj", `/CN=${name}`];
    await run([command, "req", "-new", ...key, ...config, ...to, ...more], { env });
    return made;
  };

  /** @param {string} name */
  const authority = (name) =>
    request(name, "-x509", "-days", "2", "-addext", "basicConstraints=critical,CA:TRUE");

  /** @param {Pair} issuer @param {string} name @param {string} extensions */
  const issue = async (issuer, name, extensions) => {
    const made = await request(name);
    await writeFile(at(`${name}.ext`), extensions);
    const by = ["-CA", issuer.cert, "-CAkey", issuer.key, "-CAcreateserial"];
    const how = ["-days", "2", "-extfile", at(`${name}.ext`)];
    const sign = ["x509", "-req", "-in", made.cert, "-out", made.cert];
    await run([command, ...sign, ...by, ...how], { env });
    return made;
  };

  const ca = await authority("ca");
  const strangeCa = await authority("strange-ca");
  return {
    directory,
    ca: ca.cert,
    server: await issue(ca, "localhost", HERE),
    elsewhere: await issue(ca, "elsewhere", ELSEWHERE),
    client: await issue(ca, user, "extendedKeyUsage=clientAuth"),
    strangeCa: strangeCa.cert,
    stranger: await issue(strangeCa, "stranger", HERE),
  };
}
