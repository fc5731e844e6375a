DROP INDEX "passkey_credentialID_idx";

DROP INDEX "passkey_userId_idx";

DROP TABLE "passkey";
