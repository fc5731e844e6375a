ALTER TABLE `session` ADD COLUMN `activeOrganizationId` longtext COLLATE utf8mb4_0900_bin;

CREATE TABLE `organization` (
  `id` varchar(255) COLLATE utf8mb4_0900_bin NOT NULL PRIMARY KEY,
  `name` longtext COLLATE utf8mb4_0900_bin NOT NULL,
  `slug` varchar(255) COLLATE utf8mb4_0900_bin NOT NULL,
  `logo` longtext COLLATE utf8mb4_0900_bin,
  `createdAt` datetime(3) NOT NULL,
  `metadata` longtext COLLATE utf8mb4_0900_bin,
  UNIQUE INDEX `organization_slug_uidx` (`slug`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_bin;

CREATE TABLE `member` (
  `id` varchar(255) COLLATE utf8mb4_0900_bin NOT NULL PRIMARY KEY,
  `organizationId` varchar(255) COLLATE utf8mb4_0900_bin NOT NULL,
  `userId` varchar(255) COLLATE utf8mb4_0900_bin NOT NULL,
  `role` longtext COLLATE utf8mb4_0900_bin NOT NULL,
  `createdAt` datetime(3) NOT NULL,
  INDEX `member_organizationId_idx` (`organizationId`),
  INDEX `member_userId_idx` (`userId`),
  CONSTRAINT `member_organizationId_fk` FOREIGN KEY (`organizationId`) REFERENCES `organization` (`id`) ON DELETE CASCADE,
  CONSTRAINT `member_userId_fk` FOREIGN KEY (`userId`) REFERENCES `user` (`id`) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_bin;

CREATE TABLE `invitation` (
  `id` varchar(255) COLLATE utf8mb4_0900_bin NOT NULL PRIMARY KEY,
  `organizationId` varchar(255) COLLATE utf8mb4_0900_bin NOT NULL,
  `email` varchar(255) COLLATE utf8mb4_0900_bin NOT NULL,
  `role` longtext COLLATE utf8mb4_0900_bin,
  `status` longtext COLLATE utf8mb4_0900_bin NOT NULL,
  `expiresAt` datetime(3) NOT NULL,
  `createdAt` datetime(3) NOT NULL,
  `inviterId` varchar(255) COLLATE utf8mb4_0900_bin NOT NULL,
  INDEX `invitation_organizationId_idx` (`organizationId`),
  INDEX `invitation_email_idx` (`email`),
  CONSTRAINT `invitation_organizationId_fk` FOREIGN KEY (`organizationId`) REFERENCES `organization` (`id`) ON DELETE CASCADE,
  CONSTRAINT `invitation_inviterId_fk` FOREIGN KEY (`inviterId`) REFERENCES `user` (`id`) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_bin;
