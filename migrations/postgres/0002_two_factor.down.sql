DROP INDEX "twoFactor_userId_idx";

DROP INDEX "twoFactor_secret_idx";

DROP TABLE "twoFactor";

ALTER TABLE "user" DROP COLUMN "twoFactorEnabled";
