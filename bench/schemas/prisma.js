// Better Auth's tables for Prisma, as `npx auth generate` writes them but with the columns that
// `getMigrations` makes, and the client that Prisma generates from them.

import { execFile } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { load } from "../peers.js";

/** What a moment is. @type {Record<string, string>} */
const MOMENTS = {
  postgresql: "DateTime @db.Timestamptz(3)",
  mysql: "DateTime @db.Timestamp(3)",
  sqlite: "DateTime",
};

/** @param {string} provider */
const folder = (provider) =>
  fileURLToPath(new URL(`../node_modules/.prisma/${provider}`, import.meta.url));

/** @param {string} provider */
export async function prismaClient(provider) {
  const { PrismaClient } = await load(join(folder(provider), "client/index.js"));
  return PrismaClient;
}

/** Prisma gives a transaction up that waits 2 seconds to begin, as sign-ups do behind others that hash. */
export const PATIENCE = { transactionOptions: { maxWait: 60_000, timeout: 60_000 } };

/** @param {string} provider */
export async function generatePrismaClient(provider) {
  mkdirSync(folder(provider), { recursive: true });
  const schema = join(folder(provider), "schema.prisma");
  writeFileSync(schema, prismaSchema(provider));
  const cli = fileURLToPath(new URL("../node_modules/prisma/build/index.js", import.meta.url));
  await promisify(execFile)(process.execPath, [cli, "generate", "--schema", schema], {
    env: { ...process.env, ...WITHOUT_DOWNLOADS },
  });
}

/** Prisma downloads its engine for migrations, which generating does not run, unless it is named. */
export const WITHOUT_DOWNLOADS = {
  PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
  PRISMA_HIDE_UPDATE_MESSAGE: "1",
  CHECKPOINT_DISABLE: "1",
};

/** @param {string} provider */
function prismaSchema(provider) {
  const moment = MOMENTS[provider];
  const optionalMoment = moment.replace("DateTime", "DateTime?");
  return `
generator client {
  provider        = "prisma-client-js"
  output          = "./client"
  engineType      = "client"
  previewFeatures = ["relationJoins"]
}

datasource db {
  provider = "${provider}"
}

model User {
  id            String @id
  name          String
  email         String @unique
  emailVerified Boolean
  image         String?
  createdAt     ${moment}
  updatedAt     ${moment}
  sessions      Session[]
  accounts      Account[]

  @@map("user")
}

model Session {
  id        String @id
  expiresAt ${moment}
  token     String @unique
  createdAt ${moment}
  updatedAt ${moment}
  ipAddress String?
  userAgent String?
  userId    String
  user      User @relation(fields: [userId], references: [id], onDelete: Cascade)

  @@index([userId])
  @@map("session")
}

model Account {
  id                    String @id
  accountId             String
  providerId            String
  userId                String
  user                  User @relation(fields: [userId], references: [id], onDelete: Cascade)
  accessToken           String?
  refreshToken          String?
  idToken               String?
  accessTokenExpiresAt  ${optionalMoment}
  refreshTokenExpiresAt ${optionalMoment}
  scope                 String?
  password              String?
  createdAt             ${moment}
  updatedAt             ${moment}

  @@index([userId])
  @@map("account")
}

model Verification {
  id         String @id
  identifier String
  value      String
  expiresAt  ${moment}
  createdAt  ${moment}
  updatedAt  ${moment}

  @@index([identifier])
  @@map("verification")
}

model RateLimit {
  id          String @id
  key         String @unique
  count       Int
  lastRequest BigInt

  @@map("rateLimit")
}
`;
}
