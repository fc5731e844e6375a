CREATE TABLE `passkey` (
  `id` varchar(255) COLLATE utf8mb4_0900_bin NOT NULL PRIMARY KEY,
  `name` longtext COLLATE utf8mb4_0900_bin,
  `publicKey` longtext COLLATE utf8mb4_0900_bin NOT NULL,
  `userId` varchar(255) COLLATE utf8mb4_0900_bin NOT NULL,
  `credentialID` varchar(255) COLLATE utf8mb4_0900_bin NOT NULL,
  `counter` double NOT NULL,
  `deviceType` longtext COLLATE utf8mb4_0900_bin NOT NULL,
  `backedUp` boolean NOT NULL,
  `transports` longtext COLLATE utf8mb4_0900_bin,
  `createdAt` datetime(3),
  `aaguid` longtext COLLATE utf8mb4_0900_bin,
  INDEX `passkey_userId_idx` (`userId`),
  INDEX `passkey_credentialID_idx` (`credentialID`),
  CONSTRAINT `passkey_userId_fk` FOREIGN KEY (`userId`) REFERENCES `user` (`id`) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_bin;
