DROP INDEX "rateLimit_key_uidx";

DROP TABLE "rateLimit";
