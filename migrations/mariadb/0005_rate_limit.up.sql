CREATE TABLE `rateLimit` (
  `id` varchar(255) COLLATE utf8mb4_nopad_bin NOT NULL PRIMARY KEY,
  `key` varchar(255) COLLATE utf8mb4_nopad_bin NOT NULL,
  `count` double NOT NULL,
  `lastRequest` bigint NOT NULL,
  UNIQUE INDEX `rateLimit_key_uidx` (`key`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;
