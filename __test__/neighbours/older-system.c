/* An older system, to a process that preloads this: it knows no locks of open file descriptions. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>

static int refuse(const char *name, int descriptor, int command, void *argument) {
  int (*system_call)(int, int, ...) = (int (*)(int, int, ...))dlsym(RTLD_NEXT, name);
  if (command == F_OFD_SETLK || command == F_OFD_SETLKW || command == F_OFD_GETLK) {
    errno = EINVAL;
    return -1;
  }
  return system_call(descriptor, command, argument);
}

#define REFUSING(name)                                      \
  int name(int descriptor, int command, ...) {              \
    va_list rest;                                           \
    va_start(rest, command);                                \
    void *argument = va_arg(rest, void *);                  \
    va_end(rest);                                           \
    return refuse(#name, descriptor, command, argument);    \
  }

REFUSING(fcntl)
REFUSING(fcntl64)
