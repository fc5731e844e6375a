CREATE TABLE `user` (
  `id` varchar(255) COLLATE utf8mb4_0900_bin NOT NULL PRIMARY KEY,
  `name` longtext COLLATE utf8mb4_0900_bin NOT NULL,
  `email` varchar(255) COLLATE utf8mb4_0900_bin NOT NULL,
  `emailVerified` boolean NOT NULL,
  `image` longtext COLLATE utf8mb4_0900_bin,
  `createdAt` datetime(3) NOT NULL,
  `updatedAt` datetime(3) NOT NULL,
  UNIQUE INDEX `user_email_uidx` (`email`),
  INDEX `user_createdAt_idx` (`createdAt`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_bin;

CREATE TABLE `session` (
  `id` varchar(255) COLLATE utf8mb4_0900_bin NOT NULL PRIMARY KEY,
  `expiresAt` datetime(3) NOT NULL,
  `token` varchar(255) COLLATE utf8mb4_0900_bin NOT NULL,
  `createdAt` datetime(3) NOT NULL,
  `updatedAt` datetime(3) NOT NULL,
  `ipAddress` longtext COLLATE utf8mb4_0900_bin,
  `userAgent` longtext COLLATE utf8mb4_0900_bin,
  `userId` varchar(255) COLLATE utf8mb4_0900_bin NOT NULL,
  UNIQUE INDEX `session_token_uidx` (`token`),
  INDEX `session_userId_idx` (`userId`),
  INDEX `session_expiresAt_idx` (`expiresAt`),
  INDEX `session_userId_expiresAt_idx` (`userId`, `expiresAt`),
  CONSTRAINT `session_userId_fk` FOREIGN KEY (`userId`) REFERENCES `user` (`id`) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_bin;

CREATE TABLE `account` (
  `id` varchar(255) COLLATE utf8mb4_0900_bin NOT NULL PRIMARY KEY,
  `accountId` varchar(255) COLLATE utf8mb4_0900_bin NOT NULL,
  `providerId` varchar(255) COLLATE utf8mb4_0900_bin NOT NULL,
  `userId` varchar(255) COLLATE utf8mb4_0900_bin NOT NULL,
  `accessToken` longtext COLLATE utf8mb4_0900_bin,
  `refreshToken` longtext COLLATE utf8mb4_0900_bin,
  `idToken` longtext COLLATE utf8mb4_0900_bin,
  `accessTokenExpiresAt` datetime(3),
  `refreshTokenExpiresAt` datetime(3),
  `scope` longtext COLLATE utf8mb4_0900_bin,
  `password` longtext COLLATE utf8mb4_0900_bin,
  `createdAt` datetime(3) NOT NULL,
  `updatedAt` datetime(3) NOT NULL,
  INDEX `account_userId_idx` (`userId`),
  INDEX `account_providerId_accountId_idx` (`providerId`, `accountId`),
  CONSTRAINT `account_userId_fk` FOREIGN KEY (`userId`) REFERENCES `user` (`id`) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_bin;

CREATE TABLE `verification` (
  `id` varchar(255) COLLATE utf8mb4_0900_bin NOT NULL PRIMARY KEY,
  `identifier` varchar(255) COLLATE utf8mb4_0900_bin NOT NULL,
  `value` longtext COLLATE utf8mb4_0900_bin NOT NULL,
  `expiresAt` datetime(3) NOT NULL,
  `createdAt` datetime(3) NOT NULL,
  `updatedAt` datetime(3) NOT NULL,
  INDEX `verification_identifier_idx` (`identifier`),
  INDEX `verification_expiresAt_idx` (`expiresAt`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_bin;
