CREATE TABLE "rateLimit" (
  "id" text NOT NULL PRIMARY KEY,
  "key" text NOT NULL,
  "count" double precision NOT NULL,
  "lastRequest" bigint NOT NULL
);

CREATE UNIQUE INDEX "rateLimit_key_uidx" ON "rateLimit" ("key");
