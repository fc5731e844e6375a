DROP INDEX "verification_expiresAt_idx";

DROP INDEX "verification_identifier_idx";

DROP INDEX "account_providerId_accountId_idx";

DROP INDEX "account_userId_idx";

DROP INDEX "session_userId_expiresAt_idx";

DROP INDEX "session_expiresAt_idx";

DROP INDEX "session_userId_idx";

DROP INDEX "session_token_uidx";

DROP INDEX "user_createdAt_idx";

DROP INDEX "user_email_uidx";

DROP TABLE "verification";

DROP TABLE "account";

DROP TABLE "session";

DROP TABLE "user";
