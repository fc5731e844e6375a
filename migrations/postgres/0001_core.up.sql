CREATE TABLE "user" (
  "id" text NOT NULL PRIMARY KEY,
  "name" text NOT NULL,
  "email" text NOT NULL,
  "emailVerified" boolean NOT NULL,
  "image" text,
  "createdAt" timestamptz NOT NULL,
  "updatedAt" timestamptz NOT NULL
);

CREATE TABLE "session" (
  "id" text NOT NULL PRIMARY KEY,
  "expiresAt" timestamptz NOT NULL,
  "token" text NOT NULL,
  "createdAt" timestamptz NOT NULL,
  "updatedAt" timestamptz NOT NULL,
  "ipAddress" text,
  "userAgent" text,
  "userId" text NOT NULL,
  CONSTRAINT "session_userId_fk" FOREIGN KEY ("userId") REFERENCES "user" ("id") ON DELETE CASCADE
);

CREATE TABLE "account" (
  "id" text NOT NULL PRIMARY KEY,
  "accountId" text NOT NULL,
  "providerId" text NOT NULL,
  "userId" text NOT NULL,
  "accessToken" text,
  "refreshToken" text,
  "idToken" text,
  "accessTokenExpiresAt" timestamptz,
  "refreshTokenExpiresAt" timestamptz,
  "scope" text,
  "password" text,
  "createdAt" timestamptz NOT NULL,
  "updatedAt" timestamptz NOT NULL,
  CONSTRAINT "account_userId_fk" FOREIGN KEY ("userId") REFERENCES "user" ("id") ON DELETE CASCADE
);

CREATE TABLE "verification" (
  "id" text NOT NULL PRIMARY KEY,
  "identifier" text NOT NULL,
  "value" text NOT NULL,
  "expiresAt" timestamptz NOT NULL,
  "createdAt" timestamptz NOT NULL,
  "updatedAt" timestamptz NOT NULL
);

CREATE UNIQUE INDEX "user_email_uidx" ON "user" ("email");

CREATE INDEX "user_createdAt_idx" ON "user" ("createdAt");

CREATE UNIQUE INDEX "session_token_uidx" ON "session" ("token");

CREATE INDEX "session_userId_idx" ON "session" ("userId");

CREATE INDEX "session_expiresAt_idx" ON "session" ("expiresAt");

CREATE INDEX "session_userId_expiresAt_idx" ON "session" ("userId", "expiresAt");

CREATE INDEX "account_userId_idx" ON "account" ("userId");

CREATE INDEX "account_providerId_accountId_idx" ON "account" ("providerId", "accountId");

CREATE INDEX "verification_identifier_idx" ON "verification" ("identifier");

CREATE INDEX "verification_expiresAt_idx" ON "verification" ("expiresAt");
