DROP INDEX "invitation_email_idx";

DROP INDEX "invitation_organizationId_idx";

DROP INDEX "member_userId_idx";

DROP INDEX "member_organizationId_idx";

DROP INDEX "organization_slug_uidx";

DROP TABLE "invitation";

DROP TABLE "member";

DROP TABLE "organization";

ALTER TABLE "session" DROP COLUMN "activeOrganizationId";
