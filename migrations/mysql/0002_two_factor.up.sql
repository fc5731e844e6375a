ALTER TABLE `user` ADD COLUMN `twoFactorEnabled` boolean DEFAULT false;

CREATE TABLE `twoFactor` (
  `id` varchar(255) COLLATE utf8mb4_0900_bin NOT NULL PRIMARY KEY,
  `secret` varchar(255) COLLATE utf8mb4_0900_bin NOT NULL,
  `backupCodes` longtext COLLATE utf8mb4_0900_bin NOT NULL,
  `userId` varchar(255) COLLATE utf8mb4_0900_bin NOT NULL,
  `verified` boolean,
  `failedVerificationCount` double,
  `lockedUntil` datetime(3),
  INDEX `twoFactor_secret_idx` (`secret`),
  INDEX `twoFactor_userId_idx` (`userId`),
  CONSTRAINT `twoFactor_userId_fk` FOREIGN KEY (`userId`) REFERENCES `user` (`id`) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_bin;
