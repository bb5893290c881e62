/*
 * A process that has closed stdin, stdout and stderr, as some that run in the background do: the next files that it
 * opens get their numbers, and what anybody prints goes into those. They must not be the store's.
 */
#include "check.h"

#include <sys/wait.h>

enum { CHILD_OK = 0, CHILD_FAILED = 3 };

/* Where nothing can be printed. */
#define CHECK_SILENTLY(condition) \
  do {                            \
    if (!(condition)) _exit(CHILD_FAILED); \
  } while (0)

static void prints_without_streams(void) {
  close(STDIN_FILENO);
  close(STDOUT_FILENO);
  close(STDERR_FILENO);
  char path[600];
  sessile_store *store = NULL;
  sessile_options *options = sessile_options_new(path_in(path, sizeof path, "sessions"));
  CHECK_SILENTLY(sessile_store_open(options, &store, NULL) == SESSILE_STATUS_OK);
  sessile_options_free(options);
  CHECK_SILENTLY(sessile_store_set(store, bytes("a"), bytes("x"), FAR_MS) == SESSILE_STATUS_OK);
  const char warning[] = "a warning that nobody sees\n";
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
    CHECK_SILENTLY(write(fd, warning, sizeof warning) == -1);
  }
  CHECK_SILENTLY(sessile_store_close(store) == SESSILE_STATUS_OK);
  sessile_store_free(store);
  _exit(CHILD_OK);
}

int main(void) {
  /* Made before the fork, so that parent and child mean the same. */
  CHECK(strlen(directory()) > 0);
  pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) prints_without_streams();
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == CHILD_OK);

  sessile_session *session = NULL;
  sessile_store *store = open_store("sessions", SESSILE_DURABILITY_FSYNC);
  CHECK_OK(sessile_store_get(store, bytes("a"), &session));
  CHECK(equals(sessile_session_payload(session), "x"));
  sessile_session_free(session);
  close_store(store);
  return 0;
}
