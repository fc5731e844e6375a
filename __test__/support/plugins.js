// Every table Better Auth and its plugins know how to fill.

import { apiKey } from "@better-auth/api-key";
import { passkey } from "@better-auth/passkey";
import { admin, jwt, organization, twoFactor, username } from "better-auth/plugins";

export const everyPlugin = {
  plugins: [
    organization({ teams: { enabled: true }, dynamicAccessControl: { enabled: true } }),
    twoFactor(),
    admin(),
    username(),
    jwt(),
    apiKey(),
    passkey(),
  ],
  rateLimit: { storage: /** @type {const} */ ("database") },
};
