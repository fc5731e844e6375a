/* SQLite calls fcntl as the variadic function that it is, and stable Rust cannot define one. On some
 * systems (macOS on ARM) variadic arguments are passed in another place than named ones. */

#include <stdarg.h>

static int (*handle)(int, int, void *);

static int variadic_fcntl(int descriptor, int command, ...) {
  va_list rest;
  va_start(rest, command);
  /* An int where the command takes one; C libraries read it this way too. */
  void *argument = va_arg(rest, void *);
  va_end(rest);
  return handle(descriptor, command, argument);
}

/* An fcntl that passes its calls on. */
__attribute__((visibility("hidden"))) void (*
better_auth_native_variadic_fcntl(int (*handler)(int, int, void *)))(void) {
  handle = handler;
  return (void (*)(void))variadic_fcntl;
}
