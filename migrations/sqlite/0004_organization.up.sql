ALTER TABLE "session" ADD COLUMN "activeOrganizationId" text;

CREATE TABLE "organization" (
  "id" text NOT NULL PRIMARY KEY,
  "name" text NOT NULL,
  "slug" text NOT NULL,
  "logo" text,
  "createdAt" date NOT NULL,
  "metadata" text
);

CREATE TABLE "member" (
  "id" text NOT NULL PRIMARY KEY,
  "organizationId" text NOT NULL,
  "userId" text NOT NULL,
  "role" text NOT NULL,
  "createdAt" date NOT NULL,
  FOREIGN KEY ("organizationId") REFERENCES "organization" ("id") ON DELETE CASCADE,
  FOREIGN KEY ("userId") REFERENCES "user" ("id") ON DELETE CASCADE
);

CREATE TABLE "invitation" (
  "id" text NOT NULL PRIMARY KEY,
  "organizationId" text NOT NULL,
  "email" text NOT NULL,
  "role" text,
  "status" text NOT NULL,
  "expiresAt" date NOT NULL,
  "createdAt" date NOT NULL,
  "inviterId" text NOT NULL,
  FOREIGN KEY ("organizationId") REFERENCES "organization" ("id") ON DELETE CASCADE,
  FOREIGN KEY ("inviterId") REFERENCES "user" ("id") ON DELETE CASCADE
);

CREATE UNIQUE INDEX "organization_slug_uidx" ON "organization" ("slug");

CREATE INDEX "member_organizationId_idx" ON "member" ("organizationId");

CREATE INDEX "member_userId_idx" ON "member" ("userId");

CREATE INDEX "invitation_organizationId_idx" ON "invitation" ("organizationId");

CREATE INDEX "invitation_email_idx" ON "invitation" ("email");
