ALTER TABLE "user" ADD COLUMN "twoFactorEnabled" integer DEFAULT 0;

CREATE TABLE "twoFactor" (
  "id" text NOT NULL PRIMARY KEY,
  "secret" text NOT NULL,
  "backupCodes" text NOT NULL,
  "userId" text NOT NULL,
  "verified" integer,
  "failedVerificationCount" integer,
  "lockedUntil" date,
  FOREIGN KEY ("userId") REFERENCES "user" ("id") ON DELETE CASCADE
);

CREATE INDEX "twoFactor_secret_idx" ON "twoFactor" ("secret");

CREATE INDEX "twoFactor_userId_idx" ON "twoFactor" ("userId");
