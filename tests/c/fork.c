/*
 * A handle that a fork took along is refused in the child, and leaves the parent's store alone.
 */
#include "check.h"

#include <sys/wait.h>

static void uses_what_its_parent_opened(sessile_store *store, sessile_cursor *cursor) {
  uint64_t len = 7;
  sessile_session *session = NULL;
  CHECK_STATUS(SESSILE_STATUS_FORKED, sessile_store_set(store, bytes("child"), bytes("x"), FAR_MS));
  CHECK_STATUS(SESSILE_STATUS_FORKED, sessile_store_len(store, &len));
  CHECK(len == 0);
  CHECK_STATUS(SESSILE_STATUS_FORKED, sessile_cursor_next(cursor, &session));
  CHECK_STATUS(SESSILE_STATUS_FORKED, sessile_store_close(store));
  sessile_cursor_close(cursor);
  sessile_store_free(store);
  _exit(0);
}

static void a_forked_handle_is_refused(void) {
  sessile_store *store = open_store("sessions", SESSILE_DURABILITY_FSYNC);
  sessile_cursor *cursor = NULL;
  sessile_session *session = NULL;
  CHECK_OK(sessile_cursor_open(store, &cursor));
  pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) uses_what_its_parent_opened(store, cursor);
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);

  CHECK_OK(sessile_store_set(store, bytes("parent"), bytes("x"), FAR_MS));
  CHECK_OK(sessile_cursor_next(cursor, &session));
  sessile_session_free(session);
  sessile_cursor_close(cursor);
  close_store(store);
}

int main(void) {
  a_forked_handle_is_refused();
  return 0;
}
