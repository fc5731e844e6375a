// Preloaded: counts what is written, synced and truncated of the files of one database, and lets
// the operation that is asked for fail, or kills the process there.
//
// It is told what to do, and tells what it did, by a file that it maps: see shim.js.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

enum action { NOTHING, IO_ERROR, DISK_FULL, DISK_STAYS_FULL, INTERRUPTED, SHORT, SHORT_THEN_FULL, KILL, KILL_HALFWAY };
enum operation { NO_OPERATION, WRITE, SYNC, TRUNCATE };
enum file { OTHER, DATABASE, LOG, LOG_INDEX, JOURNAL };

// Eight bytes each; the same order is in shim.js.
struct control {
  _Atomic int64_t at; // The operation that fails, from 1; 0: nothing is counted.
  _Atomic int64_t action;
  _Atomic int64_t operations; // Those seen while `at` was not 0.
  _Atomic int64_t reached; // What the operation was that failed.
  _Atomic int64_t reached_file;
};

static struct control *control;
// The rest of a short write that meets a full disk.
static _Atomic int full_next;

static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static int (*real_ftruncate)(int, off_t);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);

__attribute__((constructor)) static void start(void) {
  real_write = dlsym(RTLD_NEXT, "write");
  real_pwrite = dlsym(RTLD_NEXT, "pwrite");
  real_ftruncate = dlsym(RTLD_NEXT, "ftruncate");
  real_fsync = dlsym(RTLD_NEXT, "fsync");
  real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
  const char *path = getenv("FAULTS_CONTROL");
  if (!path) return;
  int fd = open(path, O_RDWR | O_CLOEXEC);
  void *map = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (map == MAP_FAILED) {
    perror("the shim cannot map its control file");
    _exit(70);
  }
  close(fd);
  control = map;
}

static enum file file_of(int fd) {
  static const struct { const char *name; enum file file; } known[] = {
    { "/faults.db", DATABASE }, { "/faults.db-wal", LOG }, { "/faults.db-shm", LOG_INDEX }, { "/faults.db-journal", JOURNAL },
  };
  char link[32], path[1024];
  if (!control) return OTHER;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return OTHER;
  path[length] = 0;
  const char *name = strrchr(path, '/');
  for (size_t i = 0; name && i < sizeof known / sizeof *known; i++)
    if (!strcmp(name, known[i].name)) return known[i].file;
  return OTHER;
}

_Noreturn static void die(void) {
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

// What becomes of an operation; where it fails, errno says why.
enum fate { DONE, FAILED, HALF, HALF_THEN_KILL };

static enum fate fate_of(enum file file, enum operation operation) {
  int64_t at = control->at, action = control->action;
  if (!at) return DONE;
  int64_t number = ++control->operations;
  if (operation == WRITE && atomic_exchange(&full_next, 0)) {
    errno = ENOSPC;
    return FAILED;
  }
  int hit = number == at || (action == DISK_STAYS_FULL && number > at);
  if (!hit) return DONE;
  // Half of it can be done only of a write. A sync does not need room.
  if (operation != WRITE && (action == SHORT || action == SHORT_THEN_FULL || action == KILL_HALFWAY)) return DONE;
  if (operation != WRITE && action == DISK_STAYS_FULL) return DONE;
  control->reached_file = file;
  control->reached = operation;
  switch (action) {
    case IO_ERROR: errno = EIO; return FAILED;
    case DISK_FULL: case DISK_STAYS_FULL: errno = ENOSPC; return FAILED;
    case INTERRUPTED: errno = EINTR; return FAILED;
    case SHORT_THEN_FULL: full_next = 1; return HALF;
    case SHORT: return HALF;
    case KILL_HALFWAY: return HALF_THEN_KILL;
    case KILL: die();
  }
  return DONE;
}

static ssize_t written(int fd, const void *bytes, size_t length, off_t offset) {
  enum file file = file_of(fd);
  if (file == OTHER) return real_pwrite(fd, bytes, length, offset);
  switch (fate_of(file, WRITE)) {
    case FAILED: return -1;
    // One byte has no half.
    case HALF: return real_pwrite(fd, bytes, length > 1 ? length / 2 : length, offset);
    case HALF_THEN_KILL: real_pwrite(fd, bytes, length / 2, offset); die();
    default: return real_pwrite(fd, bytes, length, offset);
  }
}

static int synced(int fd, int (*sync)(int)) {
  enum file file = file_of(fd);
  if (file == OTHER) return sync(fd);
  // The power does not fail here: nobody has to wait for the disk.
  return fate_of(file, SYNC) == FAILED ? -1 : 0;
}

static int truncated(int fd, off_t length) {
  enum file file = file_of(fd);
  if (file != OTHER && fate_of(file, TRUNCATE) == FAILED) return -1;
  return real_ftruncate(fd, length);
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) { return written(fd, bytes, length, offset); }
ssize_t pwrite64(int fd, const void *bytes, size_t length, off_t offset) { return written(fd, bytes, length, offset); }
int fsync(int fd) { return synced(fd, real_fsync); }
int fdatasync(int fd) { return synced(fd, real_fdatasync); }
int ftruncate(int fd, off_t length) { return truncated(fd, length); }
int ftruncate64(int fd, off_t length) { return truncated(fd, length); }

// SQLite positions each write: one that comes this way would escape, and must not go unseen.
ssize_t write(int fd, const void *bytes, size_t length) {
  if (file_of(fd) == OTHER) return real_write(fd, bytes, length);
  static const char message[] = "a write to the database without a position is not counted\n";
  real_write(2, message, sizeof message - 1);
  _exit(70);
}
