DROP TABLE `invitation`;

DROP TABLE `member`;

DROP TABLE `organization`;

ALTER TABLE `session` DROP COLUMN `activeOrganizationId`;
